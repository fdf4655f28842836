"""An agent on the OpenAI Agents SDK with a shell, a reader of files, and another agent as a tool: PROMPT SESSION_FILE."""

import asyncio
import pathlib
import subprocess
import sys

from agents import Agent, Runner, SQLiteSession, function_tool, set_tracing_disabled


@function_tool
def run_command(command: str) -> str:
    """Runs a shell command."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        raise RuntimeError(f"exit code {done.returncode}: {done.stdout}")
    return done.stdout


@function_tool
def read_file(path: str) -> str:
    """Reads a file."""
    return pathlib.Path(path).read_text()


async def main(prompt: str, session_file: str) -> None:
    set_tracing_disabled(True)
    helper = Agent(name="Helper", instructions="You look at one file.", tools=[run_command], model="gpt-5")
    ask_helper = helper.as_tool(tool_name="ask_helper", tool_description="Hands a task to the helper.")
    tools = [run_command, read_file, ask_helper]
    agent = Agent(name="Looker", instructions="You look at files.", tools=tools, model="gpt-5")
    result = await Runner.run(agent, prompt, session=SQLiteSession("looker", session_file))
    print(result.final_output)


asyncio.run(main(*sys.argv[1:]))
