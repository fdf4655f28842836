/**
 * OTLP in protobuf, made of the same objects as OTLP/JSON by a table of their fields (messages.ts), so that both encodings say the same.
 *
 * A message is its fields one after the other (protobuf.dev, "Encoding"):
 *
 *     field    tag (varint: number × 8 + wire type), then
 *                wire type 0   varint: 7 bits a byte, the lowest first, the top bit says that more follow; negative numbers as 64-bit two's complement
 *                wire type 1   8 bytes, little endian
 *                wire type 2   length (varint), bytes: texts in UTF-8, messages
 *
 * It is written from the end to the front: when the length of a message must be written, its bytes are there already.
 */
import { type Field, type Message, REQUESTS, type Signal } from './messages.ts';
import { WireWriter } from './wire-writer.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Body of a request. @throws TypeError on a field that messages.ts doesn't name: it would be lost in silence */
export function toProtobuf(signal: Signal, request: object): Buffer {
  const writer = new WireWriter();
  writeMessage(writer, REQUESTS[signal], request as Fields);
  return writer.bytes();
}

function writeMessage(writer: WireWriter, message: Message, value: Fields): void {
  const names = Object.keys(value);
  for (let i = names.length - 1; i >= 0; i--) {
    const name = names[i]!;
    const field = message.get(name);
    if (field === undefined) throw new TypeError(`There is no field ${name} in messages.ts.`);
    const content = value[name];
    if (content === undefined) continue;
    if (!Array.isArray(content)) writeField(writer, field, content);
    else if (field.packed === true) writePacked(writer, field, content);
    else for (let j = content.length - 1; j >= 0; j--) writeField(writer, field, content[j]);
  }
}

function writeField(writer: WireWriter, field: Field, value: unknown): void {
  switch (field.type) {
    case 'message': {
      const end = writer.length;
      writeMessage(writer, field.message(), value as Fields);
      writer.head(field.number, writer.length - end);
      return;
    }
    case 'string':
      writer.head(field.number, writer.text(value as string));
      return;
    case 'key':
      writer.head(field.number, writer.key(value as string));
      return;
    case 'hex':
      writer.head(field.number, writer.hex(value as string));
      return;
    case 'varint':
      writer.varint(typeof value === 'string' ? integer(value) : Number(value));
      writer.tag(field.number, 0);
      return;
    case 'fixed64':
      writer.fixed64(value as string);
      writer.tag(field.number, 1);
      return;
    case 'double':
      writer.double(value as number);
      writer.tag(field.number, 1);
      return;
  }
}

/** Numbers of a repeated field: one field with all of them, without tags (same page, "Packed Repeated Fields"). */
function writePacked(writer: WireWriter, field: Field, values: readonly unknown[]): void {
  const end = writer.length;
  for (let i = values.length - 1; i >= 0; i--) {
    if (field.type === 'double') writer.double(values[i] as number);
    else writer.fixed64(values[i] as string);
  }
  writer.head(field.number, writer.length - end);
}

/** 64-bit integers are texts in JSON; those that fit stay numbers. */
function integer(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}
