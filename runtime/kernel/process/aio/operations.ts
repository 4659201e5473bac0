// What asynchronous operations do (io_submit(2)). What is wrong with a request is thrown before it begins; what
// goes wrong later is its result.
import { type Coroutine, finish } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import { joined } from "../../pieces.ts";
import { O, POLL } from "../../vfs/constants.ts";
import { Call } from "../../vfs/protocol.ts";
import { type Description, FileDescription } from "../file/description.ts";
import type { AddressSpace } from "../memory/address_space.ts";
import type { Process } from "../process.ts";
import { waitForAny } from "../event/sys_poll.ts";
import { transfer } from "../file/transfer.ts";
import {
  demandReadFlags,
  demandWriteFlags,
  durableAsAsked,
  pwritePlaced,
} from "../file/write_flags.ts";
import { type ControlBlock, Operation, piecesOf } from "./control_block.ts";
import type { Piece } from "../memory/vector.ts";
import { copyIn, fill, take } from "./user_buffer.ts";

/** Bytes that are moved at once. */
const MOST_AT_ONCE = 1 << 20;
const POLL_EVENTS = 0xffff;

/** Who submits, and where memory is. */
export interface Submitter {
  process: Process;
  space: AddressSpace;
}

/** An operation that can begin. */
export interface Prepared {
  description: Description;
  /** its result: a count or events, or a negative errno, which it may throw too */
  work: Coroutine<number>;
  /** io_cancel ends it with this result; undefined where nothing ends it early */
  cancelled: number | undefined;
}

/** Looks at all of a request that can be wrong. @throws Errno EBADF, EFAULT, EINVAL, EOPNOTSUPP */
export function* prepare(submitter: Submitter, block: ControlBlock): Coroutine<Prepared> {
  const description = submitter.process.description(block.fd);
  if ((description.flags & O.PATH) !== 0) fail(E.EBADF);
  const operation = { submitter, description, block };
  switch (block.operation) {
    case Operation.PREAD:
    case Operation.PREADV:
      return { description, work: yield* prepareRead(operation), cancelled: undefined };
    case Operation.PWRITE:
    case Operation.PWRITEV:
      return { description, work: yield* prepareWrite(operation), cancelled: undefined };
    case Operation.FSYNC:
      return { description, work: prepareSync(operation, Call.FSYNC), cancelled: undefined };
    case Operation.FDSYNC:
      return { description, work: prepareSync(operation, Call.FDATASYNC), cancelled: undefined };
    case Operation.POLL:
      return { description, work: preparePoll(operation), cancelled: 0 };
    default:
      return fail(E.EINVAL);
  }
}

interface Asked {
  submitter: Submitter;
  description: Description;
  block: ControlBlock;
}

/** The file, where an operation is on one that has positions. @throws Errno EINVAL */
function positioned({ description, block }: Asked): FileDescription | undefined {
  if (!(description instanceof FileDescription) || !description.seekable) return undefined;
  return block.offset >= 0 ? description : fail(E.EINVAL);
}

/** Pieces that are not too long to be moved at once. */
function* cut(pieces: Piece[]): Generator<Piece> {
  for (const { address, length } of pieces) {
    for (let done = 0; done < length; done += MOST_AT_ONCE) {
      yield { address: address + done, length: Math.min(length - done, MOST_AT_ONCE) };
    }
  }
}

function* prepareRead(asked: Asked): Coroutine<Coroutine<number>> {
  const { submitter: { process, space }, description, block } = asked;
  demandReadFlags(block.flags);
  if ((description.flags & O.ACCMODE) === O.WRONLY) fail(E.EBADF);
  const file = positioned(asked);
  const pieces = yield* piecesOf(space, block);
  return transfer(cut(pieces), function* (piece, done) {
    // A further piece must not wait for what may never come.
    if (file === undefined && done > 0 && description.poll(POLL.IN) === 0) return 0;
    return yield* fill(
      space,
      piece,
      (bytes) =>
        file === undefined
          ? description.read(bytes, process)
          : file.pread(bytes, block.offset + done),
    );
  });
}

function* prepareWrite(asked: Asked): Coroutine<Coroutine<number>> {
  const { submitter: { process, space }, description, block } = asked;
  demandWriteFlags(block.flags);
  if ((description.flags & O.ACCMODE) === O.RDONLY) fail(E.EBADF);
  const file = positioned(asked);
  const pieces = yield* piecesOf(space, block);
  if (file === undefined) {
    return function* () {
      return yield* finish(description.write(yield* together(space, pieces), process));
    }();
  }
  return function* () {
    const written = yield* transfer(
      cut(pieces),
      (piece, done) =>
        take(
          space,
          piece,
          (bytes) => pwritePlaced(process, file, bytes, block.offset + done, block.flags),
        ),
    );
    return yield* durableAsAsked(file, written, block.flags);
  }();
}

/** Pieces as one, which a pipe or a socket does not tear apart; as many bytes as go at once. */
function* together(space: AddressSpace, pieces: Piece[]): Coroutine<Uint8Array> {
  const parts: Uint8Array[] = [];
  let room = MOST_AT_ONCE;
  for (const { address, length } of pieces) {
    const part = Math.min(length, room);
    parts.push(yield* copyIn(space, address, new Uint8Array(part)));
    room -= part;
  }
  return joined(parts);
}

function prepareSync({ description, block }: Asked, call: number): Coroutine<number> {
  const { buffer, count, offset, flags } = block;
  if (buffer !== 0 || count !== 0 || offset !== 0 || flags !== 0) fail(E.EINVAL);
  if (!(description instanceof FileDescription)) return fail(E.EINVAL);
  return finish(description.call(call, []));
}

function preparePoll({ submitter, description, block }: Asked): Coroutine<number> {
  const { buffer, count, offset, flags } = block;
  if ((buffer & ~POLL_EVENTS) !== 0 || buffer > POLL_EVENTS) fail(E.EINVAL);
  if (count !== 0 || offset !== 0 || flags !== 0) fail(E.EINVAL);
  const events = buffer | POLL.ERR | POLL.HUP;
  return function* () {
    let found = 0;
    yield* waitForAny(submitter.process, [{ description, events }], (_index, ready) => {
      found = ready & events;
      return found !== 0;
    }, Infinity);
    return found;
  }();
}

/** The result of an operation's work. */
export function* resultOf(work: Coroutine<number>): Coroutine<number> {
  try {
    return yield* work;
  } catch (failure) {
    if (failure instanceof Errno) return -failure.errno;
    throw failure;
  }
}
