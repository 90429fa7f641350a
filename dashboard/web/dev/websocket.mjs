// Just enough of RFC 6455 for the mock to send text: no fragments, no extensions, and what the
// client sends is ignored.
import { createHash } from "node:crypto";

const MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Answers an upgrade; returns send(text) and close(). */
export function accept(request, socket) {
  const key = createHash("sha1").update(request.headers["sec-websocket-key"] + MAGIC).digest("base64");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`);
  socket.on("error", () => undefined);
  return {
    send(text) {
      const body = Buffer.from(text);
      const head = body.length < 126 ? Buffer.from([0x81, body.length]) : Buffer.alloc(body.length < 65536 ? 4 : 10, 0);
      if (body.length >= 126) {
        head[0] = 0x81;
        if (body.length < 65536) {
          head[1] = 126;
          head.writeUInt16BE(body.length, 2);
        } else {
          head[1] = 127;
          head.writeBigUInt64BE(BigInt(body.length), 2);
        }
      }
      if (!socket.destroyed) socket.write(Buffer.concat([head, body]));
    },
    close: () => socket.destroy(),
  };
}
