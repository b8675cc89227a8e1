import { describe, expect, test } from "vitest";
import { RunTopic } from "../../../src/hub/hub.ts";
import { CountedRun } from "../../support/counted-run.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeSink } from "../../support/fake-sink.ts";
import { random, seedsFrom } from "../../support/random.ts";
import { StreamFold } from "../../support/stream-fold.ts";

/**
 * Law of resumption: however subscribers are cut off, stalled or resumed while events go on, what each has folded is
 * the run's state at its cursor, and nothing is missed, doubled or reordered without a `reset`. `StreamFold` throws at
 * the latter; the former is compared after every step. Small limits make every rung of the ladder frequent.
 */
const LIMITS = { replayEvents: 16, replayBytes: 9_000, unsentBytes: 2_500, slowResets: 3, heartbeatMs: 5_000 };
const CLIENTS = 5;
const STEPS = 600;

describe("random publications, stalls, cuts and resumptions", () => {
  for (const seed of seedsFrom("HUB_SEED", 8)) {
    test(`seed ${seed} (HUB_SEED=${seed})`, () => {
      const chance = random(seed);
      const clock = new FakeClock();
      const run = new CountedRun(seed);
      const problems: unknown[] = [];
      const topic = new RunTopic(run, {
        clock,
        limits: LIMITS,
        random: chance.next,
        onProblem: (e) => problems.push(e),
      });
      run.topic = topic;
      const clients = Array.from({ length: CLIENTS }, () => ({
        fold: new StreamFold(),
        sink: null as FakeSink | null,
      }));
      let largest = 0;

      const connect = (client: (typeof clients)[number]) => {
        const { lastEventId } = client.fold;
        client.fold.connect({ isResuming: lastEventId !== null });
        client.sink = new FakeSink(200 + chance.below(1_500));
        client.sink.subscription = topic.subscribe(client.sink, { lastEventId });
      };
      const cut = (client: (typeof clients)[number]) => {
        client.sink?.subscription?.closed();
        client.sink = null;
      };
      const steps: Record<string, () => void> = {
        seal: () => run.seal(chance.chance(0.1) ? chance.below(400) : 0),
        burst: () => {
          for (let count = chance.below(30); count > 0; count--) run.seal();
        },
        checkpoint: () => run.checkpoint(),
        time: () => clock.advance(chance.below(8_000)),
        read: () => {
          const client = chance.pick(clients);
          if (client.sink !== null) client.fold.take(client.sink.read(chance.below(chance.pick([50, 700, 5_000]))));
          if (client.fold.bye !== null) cut(client);
        },
        readAll: () => {
          const client = chance.pick(clients);
          if (client.sink !== null) client.fold.take(client.sink.readAll());
          if (client.fold.bye !== null) cut(client);
        },
        cut: () => cut(chance.pick(clients)),
        connect: () => {
          const client = chance.pick(clients);
          if (client.sink === null) connect(client);
        },
      };
      const names = [
        "seal",
        "seal",
        "seal",
        "burst",
        "checkpoint",
        "time",
        "read",
        "read",
        "read",
        "readAll",
        "cut",
        "connect",
        "connect",
      ];

      for (let step = 0; step < STEPS; step++) {
        const name = chance.pick(names);
        steps[name]!();
        largest = Math.max(largest, topic.retainedBytes);
        for (const [index, { fold, sink }] of clients.entries()) {
          const where = `step ${step} (${name}), client ${index}`;
          if (fold.seq >= 0) expect(fold.state, where).toBe(run.stateAt(fold.seq));
          if (sink !== null) expect(sink.maxUnsentBytes, where).toBeLessThan(LIMITS.unsentBytes + 8_000);
        }
      }

      for (const client of clients) {
        for (let connection = 0; connection < 10 && client.fold.seq !== run.seq; connection++) {
          if (client.sink === null) connect(client);
          client.fold.take(client.sink!.readAll());
          if (client.fold.bye !== null) cut(client);
        }
        expect(client.fold.state).toBe(run.stateAt(run.seq));
        cut(client);
      }
      expect(problems).toEqual([]);
      expect(topic.subscriberCount).toBe(0);
      expect(largest).toBeLessThan(LIMITS.replayBytes + 2_000);
    });
  }
});
