// The host's monotonic clock. Programs and the network ask for the time all the time, and performance.now() takes
// 150 to 400 ns of each: where libc may be called, its clock_gettime(3) takes a fifth of that.
const CLOCK_MONOTONIC = 1;

const symbols = {
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** @returns nanoseconds of a clock that does not jump, from about now on */
export function openClock(): () => number {
  const mayCall = Deno.build.os === "linux" &&
    Deno.permissions.querySync({ name: "ffi" }).state === "granted";
  return mayCall ? libcClock() : () => performance.now() * 1e6;
}

function libcClock(): () => number {
  const { clock_gettime } = Deno.dlopen("libc.so.6", symbols).symbols;
  // struct timespec: two numbers of 64 bits, of which the seconds need 32 since the start and the nanoseconds 30.
  const time = new Uint32Array(4), bytes = new Uint8Array(time.buffer);
  clock_gettime(CLOCK_MONOTONIC, bytes);
  const start = time[0];
  return () => {
    clock_gettime(CLOCK_MONOTONIC, bytes);
    return (time[0] - start) * 1e9 + time[2];
  };
}
