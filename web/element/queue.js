/**
 * The frame loop of a page: all sessions that play share it, and whoever submitted work goes to the end of the queue. It stands
 * still in a hidden tab, as animation frames do.
 */

const queue = [];
let request = 0;

/** @param {{tick: (now: number, sharing: number) => boolean}} session `tick` returns whether it submitted work */
export function enqueue(session) {
  if (!queue.includes(session)) queue.push(session);
  request ||= requestAnimationFrame(turn);
}

export function dequeue(session) {
  const index = queue.indexOf(session);
  if (index >= 0) queue.splice(index, 1);
}

function turn(now) {
  request = 0;
  if (queue.length === 0) return;
  request = requestAnimationFrame(turn);
  if (document.hidden) return;
  const sharing = queue.length;
  for (const session of [...queue]) {
    if (!session.tick(now, sharing) || !queue.includes(session)) continue;
    dequeue(session);
    queue.push(session);
  }
}
