// What a process has set about itself (prctl(2), setpriority(2), sched_setscheduler(2), personality(2)).

export interface Settings {
  /** -20 (favoured) to 19 */
  nice: number;
  /** as ioprio_set(2) has it; 0 for none */
  ioPriority: number;
  /** `SCHED_*`, without flags */
  policy: number;
  /** of SCHED_FIFO and SCHED_RR; 0 for the rest */
  priority: number;
  /** children begin with SCHED_OTHER */
  resetOnFork: boolean;
  personality: number;
  /** PR_SET_DUMPABLE: 0 or 1 */
  dumpable: number;
  keepCapabilities: boolean;
  /** execve gives nothing that the process did not have */
  noNewPrivileges: boolean;
  /** it gets the orphans among its descendants */
  subreaper: boolean;
  /** sent to it when its parent ends; 0 for none */
  parentDeathSignal: number;
  timerSlackNs: number;
  /** PR_SET_THP_DISABLE: told back, since there are no huge pages */
  hugePagesDisabled: boolean;
  /** /proc/PID/oom_score_adj: -1000 to 1000 */
  oomScoreAdjustment: number;
}

const TIMER_SLACK_NS = 50_000;

export function defaultSettings(): Settings {
  return {
    nice: 0,
    ioPriority: 0,
    policy: 0,
    priority: 0,
    resetOnFork: false,
    personality: 0,
    dumpable: 1,
    keepCapabilities: false,
    noNewPrivileges: false,
    subreaper: false,
    parentDeathSignal: 0,
    timerSlackNs: TIMER_SLACK_NS,
    hugePagesDisabled: false,
    oomScoreAdjustment: 0,
  };
}

/** What a child begins with. */
export function inheritedSettings(parent: Settings): Settings {
  const child = { ...parent, resetOnFork: false, subreaper: false, parentDeathSignal: 0 };
  if (!parent.resetOnFork) return child;
  return { ...child, policy: 0, priority: 0, nice: Math.max(0, parent.nice) };
}
