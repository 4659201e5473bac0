// Numbers of the network that programs are told of as well, under /proc/sys/net.

/** What listen(2) may ask for at most (somaxconn). */
export const MAX_BACKLOG = 4096;

/** Ports below are root's. */
export const FIRST_UNPRIVILEGED_PORT = 1024;

/** Ports that are given to those who ask for none, as Linux does. */
export const FIRST_EPHEMERAL_PORT = 32_768;
export const LAST_EPHEMERAL_PORT = 60_999;

/** Bytes buffered in each direction by default, and the bounds of what a program may ask for. */
export const DEFAULT_BUFFER_BYTES = 256 << 10;
export const LEAST_BUFFER_BYTES = 2304;
export const MOST_BUFFER_BYTES = 4 << 20;
