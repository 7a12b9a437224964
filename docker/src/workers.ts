/**
 * The workers of one sandbox, and who gets which.
 *
 * Law: a session's worker runs nobody else's code; without a session a worker runs one execution and ends with it; who
 * cannot be served soon is told at once.
 */
import { Busy, Repl, RUNS_ANOTHER } from "./repl.ts";
import { room } from "./supervisor/answer.ts";
import { children } from "./supervisor/child.ts";
import type { Limits } from "./supervisor/ending.ts";
import { Files } from "./supervisor/files.ts";
import type { Homes } from "./supervisor/homes.ts";
import { HttpError } from "./supervisor/http.ts";
import { endOrphans } from "./supervisor/linux.ts";
import { Memory, type Shortage, whoEnds } from "./supervisor/memory.ts";
import { Place } from "./supervisor/place.ts";
import { Queue, tooMany } from "./supervisor/queue.ts";
import type { Company, Succession } from "./supervisor/succession.ts";
import type { Event, ExecuteRequest, LateEvent } from "./wire.ts";

/** A session that nobody has used for so long ends, and its worker is free for others. */
const SESSION_IDLE_MS = 600_000;
/** How often the memory is looked at while nothing runs. */
const IDLE_LOOK_MS = 500;
const KERNELS_FOLDER = "/sandbox/code";

export type Options = {
  readonly limits: Limits;
  readonly environment: Readonly<Record<string, string>>;
  readonly late: (event: LateEvent) => void;
  readonly count: number;
  /** Null where the sandbox is a kernel's own: its first session has the only worker until the end. */
  readonly homes: Homes | null;
  /** The version that keeps workers apart (landlock.ts), 0 for none. */
  readonly landlock: number;
  /** Told that workers cannot start, with what the last of them said. */
  readonly failed: (said: string) => void;
};

/** Which executions a request means: where it names none, all that run without a session, or the kernel's. */
export type Address = { readonly session: string | null; readonly execution: string };

export class Workers {
  readonly #places: Place[] = [];
  readonly #queue = new Queue(() => this.#free());
  readonly #memory = new Memory((shortage) => this.#endForRoom(shortage));
  #hasBeenReady = false;

  constructor(readonly options: Options) {
    void this.#grow();
    setInterval(() => this.#look(), IDLE_LOOK_MS);
    if (this.isShared) setInterval(() => this.#endIdleSessions(), SESSION_IDLE_MS / 20);
  }

  /** Whether it serves many: executions without a session beside each other, and sessions that are opened. */
  get isShared(): boolean {
    return this.options.homes !== null;
  }

  /** Where many are served: whether code that comes is run soon, be it by a worker that has yet to follow another. */
  get isReady(): boolean {
    if (!this.isShared) return this.#successions.some(({ isReady }) => isReady);
    return this.#places.some(
      ({ session, repl: { succession } }) =>
        session === null && (succession.isReady || (this.#hasBeenReady && !succession.isFailing)),
    );
  }

  get limits(): Limits {
    return this.#repls[0]?.limits ?? this.options.limits;
  }

  set limits(limits: Limits) {
    for (const repl of this.#repls) repl.limits = limits;
  }

  /** What is going on, in numbers. */
  get state() {
    const repls = this.#repls;
    return {
      workers: repls.length,
      running: repls.filter(({ busy }) => busy).length,
      waiting: this.#queue.length,
      sessions: this.#places.filter(({ session }) => session !== null).length,
      restarts: this.#successions.reduce((sum, { restarts }) => sum + restarts, 0),
      rejected: this.#queue.rejected,
    };
  }

  /**
   * Resolves once the execution has its worker; `ended` resolves once its `end` has been emitted.
   * @throws {Busy} where its session runs something, or the sandbox is another's.
   * @throws {HttpError} for a session that there is not, and where too many wait.
   */
  async execute(
    request: ExecuteRequest,
    emit: (event: Event) => void,
    gone: AbortSignal,
  ): Promise<{ readonly repl: Repl; readonly ended: Promise<void> }> {
    const { session } = request;
    const place = await this.#take(session, gone);
    const release = (): void => {
      place.since = Date.now();
      place.isTaken = false;
      this.#queue.serve();
    };
    try {
      await room();
      // It may have been closed meanwhile.
      if (session !== null) this.#of(session);
      place.since = Date.now();
      return { repl: place.repl, ended: place.repl.execute(request, emit).finally(release) };
    } catch (error) {
      release();
      throw error;
    }
  }

  async #take(session: string | null, gone: AbortSignal): Promise<Place> {
    if (session === null && this.isShared) return this.#queue.take(gone);
    const place = session === null ? this.#unclaimed() : this.#of(session);
    if (place.isTaken) throw new Busy(RUNS_ANOTHER);
    place.isTaken = true;
    return place;
  }

  /**
   * Returns the name of a new session, which has a worker of its own.
   * @throws {HttpError} where no worker would be left for executions without one.
   */
  open(): string {
    const { sessions } = this.state;
    const place = this.#free();
    if (place === undefined || sessions + 1 >= this.options.count)
      throw tooMany(
        `${sessions} sessions are open and no worker is left for another; close one, or ask again`,
      );
    place.since = Date.now();
    place.session = crypto.randomUUID();
    // A worker that has started has found its folder empty; one that has yet to start is going to.
    if (place.repl.succession.pid > 0) place.owner = place.session;
    return place.session;
  }

  /** Ends a session, its running cell too. @throws {HttpError} where there is none of that name. */
  close(session: string): void {
    const place = this.#of(session);
    place.session = null;
    place.repl.end();
    this.#queue.serve();
  }

  /** The worker of a session, or of a kernel. @throws {HttpError} */
  one(session: string | null): Repl {
    return this.#placeOf(session).repl;
  }

  /** The files of a session, or of a kernel. @throws {Busy | HttpError} */
  files(session: string | null): Files {
    const { name, owner } = this.#placeOf(session);
    if (this.options.homes === null) return new Files(KERNELS_FOLDER);
    if (owner !== session) throw new Busy("the session's folder is being cleared; ask again in a moment");
    return new Files(this.options.homes.path(name));
  }

  /** Those who run what is meant. @throws {HttpError} for a session that there is not. */
  those({ session, execution }: Address): Repl[] {
    if (session !== null) return [this.#of(session).repl];
    const meant = this.#places.filter(
      (place) => execution !== "" || !this.isShared || place.session === null,
    );
    return meant
      .map(({ repl }) => repl)
      .filter((repl) => repl.busy && (execution === "" || repl.runs(execution)));
  }

  get #repls(): Repl[] {
    return this.#places.map(({ repl }) => repl);
  }

  #pids(): number[] {
    return this.#successions.map(({ pid }) => pid).filter((pid) => pid > 0);
  }

  get #successions(): Succession[] {
    return this.#repls.map(({ succession }) => succession);
  }

  /** One after the other, so that the first is ready soonest. */
  async #grow(): Promise<void> {
    for (let number = 1; number <= this.options.count; number++) {
      const place = new Place(`worker-${number}`, (self) => this.#newRepl(self));
      this.#places.push(place);
      await place.repl.succession.whenReady;
      this.#hasBeenReady = true;
      this.#queue.serve();
    }
  }

  #newRepl(place: Place): Repl {
    const { limits, environment, late, homes, landlock } = this.options;
    const company: Company = {
      isShared: this.isShared,
      neighbours: () => this.#pids().filter((pid) => pid !== place.repl.succession.pid),
      memory: this.#memory,
      beforeStart: () => {
        const { name, owner, session } = place;
        if (session === null || owner !== session) homes?.renew(name, this.#oldestBeside(place));
        else homes?.open(name);
        place.owner = session;
      },
      isHeld: () => homes !== null && place.session !== null,
      bounds: landlock > 0 ? (homes?.bounds(place.name, landlock) ?? null) : null,
      failed: this.options.failed,
    };
    return new Repl(limits, { ...environment, ...homes?.environment(place.name) }, late, company);
  }

  #free(): Place | undefined {
    const free = this.#places.filter(({ isFree }) => isFree);
    return free.find(({ repl }) => repl.succession.isReady) ?? free[0];
  }

  /** The only place, for an execution without a session. @throws {Busy} where a session has it. */
  #unclaimed(): Place {
    const place = this.#placeOf(null);
    if (place.session !== null) throw new Busy("the sandbox belongs to a session; send its name");
    return place;
  }

  /** @throws {Busy | HttpError} */
  #of(session: string): Place {
    const [only] = this.#places;
    if (!this.isShared && only !== undefined) {
      only.session ??= session;
      if (only.session !== session)
        throw new Busy("the sandbox belongs to another session; start one of your own");
      return only;
    }
    const place = this.#places.find((one) => one.session === session);
    if (place === undefined)
      throw new HttpError(
        404,
        "no_session",
        `there is no session "${session.slice(0, 100)}"; open one by POST /sessions`,
      );
    return place;
  }

  #placeOf(session: string | null): Place {
    const [only] = this.#places;
    if (!this.isShared && only !== undefined) return only;
    if (session !== null) return this.#of(session);
    throw new HttpError(
      400,
      "bad_request",
      '"session" is missing; open one by POST /sessions and send its name',
    );
  }

  #endForRoom(shortage: Shortage): void {
    const all = this.#successions;
    if (all.some(({ isEndingForMemory }) => isEndingForMemory) || this.#endOrphans()) return;
    const holders = all.map((worker) => ({ worker, bytes: worker.usage.memoryBytes }));
    whoEnds(holders, shortage)?.worker.endForMemory(shortage.limitBytes);
  }

  /** When the oldest execution beside a place began; now where none runs. */
  #oldestBeside(place: Place): number {
    const others = this.#places.filter((other) => other !== place && (other.isTaken || other.repl.busy));
    return Math.min(Date.now(), ...others.map(({ since }) => since));
  }

  /** What a session has left behind runs on between its executions; a kernel's worker may take all that there is. */
  #look(): void {
    this.#memory.look();
    this.#endOrphans();
    for (const { session, repl } of this.isShared ? this.#places : [])
      if (session !== null && !repl.busy) repl.succession.look(repl.limits.maxMemoryBytes);
  }

  /** Ends what has no parent any more, since nobody can tell whose it is; returns whether there was some. */
  #endOrphans(): boolean {
    return this.isShared && endOrphans(children, this.#pids());
  }

  #endIdleSessions(): void {
    for (const { session, since, repl } of this.#places)
      if (session !== null && !repl.busy && Date.now() - since > SESSION_IDLE_MS) this.close(session);
  }
}
