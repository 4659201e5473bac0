// What setting an option does to a connection at once (tcp(7), socket(7)).
import { SO, SOL, TCP } from "../../constants.ts";
import type { Connection } from "./connection.ts";
import { output, sendAck } from "./output.ts";

export function applyOption(connection: Connection, level: number, name: number): void {
  const { tcpOptions, timers } = connection;
  if (level === SOL.SOCKET && name === SO.KEEPALIVE) timers.armKeepAlive();
  if (level !== SOL.TCP) return;
  if (name === TCP.NODELAY || name === TCP.CORK) output(connection);
  else if (name === TCP.MAXSEG) connection.resize();
  else if (name === TCP.KEEPIDLE) timers.armKeepAlive();
  else if (name === TCP.QUICKACK && tcpOptions.quickAck && connection.unacknowledged > 0) {
    sendAck(connection);
  }
}
