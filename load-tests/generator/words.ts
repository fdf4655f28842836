/** Texts from a seed: readable, of several scripts, and sometimes with what a careless parser would take for the protocol. */
import type { Random } from './random.ts';

const WORDS =
  'the a reed marsh bird still water morning river stands listens finds small quick order invoice deploy test result table query fails works again because when under über Größe café naïve señal жёлтый камыш 静か 沼地 水鳥 🐦 🌾 "quoted" back\\slash tab\there'.split(
    ' ',
  );

const TRAPS: readonly string[] = [
  'POST /v1/messages HTTP/1.1\r\nhost: trap.example\r\ncontent-length: 12\r\n\r\n{"model":"x"}',
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'event: message_stop\ndata: {"type":"message_stop"}\n\ndata: [DONE]\n\n',
  '{"error":{"type":"overloaded_error","message":"not a real one"}}',
  'GET / HTTP/1.0\n\nend',
];

export function sentence(random: Random, words: number): string {
  const list: string[] = [];
  for (let at = 0; at < words; at++) list.push(random.pick(WORDS));
  return list.join(' ') + '.';
}

/** A prompt of 5 to 200 words; one in eight holds literal HTTP or SSE. */
export function prompt(random: Random): string {
  const text = sentence(random, random.int(5, random.chance(0.2) ? 200 : 40));
  return random.chance(0.125) ? `${text}\n${random.pick(TRAPS)}` : text;
}

/** Pieces of one to `longest` characters, never inside a character. */
export function cutter(random: Random, longest: number): (text: string) => readonly string[] {
  return (text) => {
    const characters = [...text];
    const pieces: string[] = [];
    for (let at = 0; at < characters.length; ) {
      const length = random.int(1, longest);
      pieces.push(characters.slice(at, at + length).join(''));
      at += length;
    }
    return pieces;
  };
}
