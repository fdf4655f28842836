/**
 * Messages of Amazon's event stream, as Bedrock sends them: https://smithy.io/2.0/aws/amazon-eventstream.html. An event whose
 * name is `chunk` carries another API's event in base64; `!NAME` is an exception.
 */
import { crc32 } from 'node:zlib';

const STRING = 7;

function header(name: string, value: string): Buffer {
  const text = Buffer.from(value);
  const bytes = Buffer.alloc(1 + name.length + 3);
  bytes.writeUInt8(name.length);
  bytes.write(name, 1, 'latin1');
  bytes.writeUInt8(STRING, 1 + name.length);
  bytes.writeUInt16BE(text.length, 2 + name.length);
  return Buffer.concat([bytes, text]);
}

const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

/** Bedrock pads its events, so that their lengths don't give tokens away. */
const padding = (data: string): string => 'abcdefghijklmnopqrstuvwxyz'.slice(0, (data.length * 7) % 26);

function payloadOf(name: string, data: string): string {
  if (name.startsWith('!')) return data;
  if (name === 'chunk') return JSON.stringify({ bytes: Buffer.from(data).toString('base64'), p: padding(data) });
  return JSON.stringify({ ...(JSON.parse(data) as object), p: padding(data) });
}

export function awsFrame(name: string, data: string): Buffer {
  const exception = name.startsWith('!');
  const headers = Buffer.concat([
    exception ? header(':exception-type', name.slice(1)) : header(':event-type', name),
    header(':content-type', 'application/json'),
    header(':message-type', exception ? 'exception' : 'event'),
  ]);
  const payload = Buffer.from(payloadOf(name, data));
  const sizes = Buffer.concat([word(16 + headers.length + payload.length), word(headers.length)]);
  const message = Buffer.concat([sizes, word(crc32(sizes)), headers, payload]);
  return Buffer.concat([message, word(crc32(message))]);
}
