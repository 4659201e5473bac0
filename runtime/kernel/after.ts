// What follows an answer. An answer has one subscriber; whoever is told first makes another one for the next.
import { Answer, type Blocking, isCoroutine, type Tasks } from "./coroutine.ts";
import { Errno } from "./errno.ts";

/**
 * The result that something makes of another one.
 * @param then told of errors, too, as negative numbers
 */
export function after(
  result: Blocking<number>,
  tasks: Tasks,
  then: (status: number) => number,
): Blocking<number> {
  if (!isCoroutine(result)) return then(result);
  const answer = new Answer<number>();
  tasks.spawn(result, (status, failure) => {
    if (failure === undefined) return answer.settle(then(status!));
    if (failure instanceof Errno) then(-failure.errno);
    answer.settle(undefined, failure);
  });
  return answer;
}
