/** What tools do, by their names: whether they can change what other tools see, and whether asking again is their purpose. */

const READS =
  /^(?:mcp__.+?__)?(?:read|get|list|search|grep|glob|find|fetch|view|cat|ls|query|show|lookup|describe|inspect|look|count|web_?search|web_?fetch|todo)|(?:_|\b)(?:read|search|status|list)$/i;
const POLLS =
  /(?:^|_|\b)(?:wait|poll|status|check|watch|monitor|progress|output|sleep|tail|job|ping|health)(?:_|\b|$)|BashOutput|TaskOutput|write_stdin/i;
const SHELLS =
  /^(?:mcp__.+?__)?(?:bash|shell|sh|exec|exec_command|run_command|execute_command|run_shell_command|local_shell|terminal|powershell|run_terminal_cmd)$/i;

export function polls(toolName: string): boolean {
  return POLLS.test(toolName);
}

/** A shell can do anything: run the tests again, or ask how a job is getting on. */
export function isShell(toolName: string): boolean {
  return SHELLS.test(toolName);
}

/** Whether it may change what a repeated read would see. Unknown tools may. */
export function mayChange(toolName: string): boolean {
  return isShell(toolName) || !(READS.test(toolName) || POLLS.test(toolName));
}
