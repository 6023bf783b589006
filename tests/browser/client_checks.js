/**
 * Checks of tavola.js, made against a server of this file's own and a clock that is moved by hand. The same checks
 * run under node and in a browser: `run(module)` gives `[{name, error}]`.
 */

/** Time that passes only when it is told to. */
class FakeTime {
  now = 1_000_000;
  #timers = new Map();
  #next = 1;
  #real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout, now: Date.now };

  install() {
    globalThis.setTimeout = (call, delay = 0) => {
      this.#timers.set(this.#next, { call, at: this.now + delay });
      return this.#next++;
    };
    globalThis.clearTimeout = (timer) => this.#timers.delete(timer);
    Date.now = () => this.now;
  }

  restore() {
    globalThis.setTimeout = this.#real.setTimeout;
    globalThis.clearTimeout = this.#real.clearTimeout;
    Date.now = this.#real.now;
  }

  /** The delays that are running, shortest first. */
  get delays() {
    return [...this.#timers.values()].map(({ at }) => at - this.now).sort((a, b) => a - b);
  }

  async pass(ms) {
    const end = this.now + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      const [timer, { call, at }] = due;
      this.#timers.delete(timer);
      this.now = Math.max(this.now, at);
      call();
      await settle();
    }
    this.now = end;
    await settle();
  }
}

/** Lets promises that are decided come to their ends. */
async function settle() {
  for (let turn = 0; turn < 20; turn++) await null;
}

class FakeSocket {
  static all = [];
  readyState = 0;
  sent = [];

  constructor(url, protocols) {
    Object.assign(this, { url, protocols });
    FakeSocket.all.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.readyState = 3;
    this.closed = code;
  }

  // The server's side

  open() {
    this.readyState = 1;
    this.onopen({});
  }

  tell(frame) {
    this.onmessage({ data: JSON.stringify(frame) });
  }

  drop(code) {
    this.readyState = 3;
    this.onclose({ code });
  }

  authenticated(more = {}) {
    this.open();
    this.tell({ type: "authenticated", user_id: "u1", display_name: "Ann", server_time: Date.now(), ...more });
  }

  take(type) {
    return this.sent.filter((frame) => frame.type === type);
  }
}

class FakeStorage {
  values = new Map();
  getItem = (key) => this.values.get(key) ?? null;
  setItem = (key, value) => void this.values.set(key, value);
}

const ROOM = "r_1";
const VIEW = { room: { code: "ABCDEF" }, game: { pot: 0 }, me: { role: "player" }, recent: [] };
const hydrated = (seq, view = VIEW) => ({ type: "hydrated", room: ROOM, seq, at: seq * 10, view });
const update = (seq, patch = { game: { pot: seq } }, events = []) => ({
  type: "update",
  room: ROOM,
  seq,
  at: seq * 10,
  events,
  patch,
});

/** A board of a row, on which seat 0 marks cells; with `more`, several in a turn. Seat 1 moves in between. */
const marked = (cells, turn, more = {}) => ({
  ...VIEW,
  room: { code: "ABCDEF" },
  game: { cells, pot: 0 },
  me: { role: "player", seat_index: 0, legal: legalOf(cells, turn.seat_index) },
  turn,
  ...more,
});
const legalOf = (cells, seat) => (seat === 0 ? [{ move: "mark", cell: { choices: [...cells.keys()].filter((each) => !cells[each]) } }] : []);
const MINE = { number: 5, seat_index: 0 };
const THEIRS = { number: 6, seat_index: 1 };

/** The turn goes to the other seat. */
const onePerTurn = ({ game, turn }, { cell }) => ({
  game: { cells: game.cells.with(cell, "X") },
  me: { legal: [] },
  turn: { number: turn.number + 1, seat_index: 1 },
});
/** The turn goes on. */
const manyPerTurn = ({ game }, { cell }) => {
  const cells = game.cells.with(cell, "X");
  return { game: { cells }, me: { legal: legalOf(cells, 0) } };
};
const said = (seq, cells, turn, events) =>
  update(seq, { game: { cells }, me: { legal: legalOf(cells, turn.seat_index) }, turn }, events);
const acted = { kind: "player_action", seat_index: 0, move: "mark" };
const no = (id, code = "illegal_move") => ({ type: "error", id, room: ROOM, code, message: "No." });

function equal(actual, expected, what) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a} is not ${b}`);
}

async function rejected(promise, type, what) {
  try {
    await promise;
  } catch (error) {
    if (error instanceof type) return error;
    throw new Error(`${what}: threw ${error}`, { cause: error });
  }
  throw new Error(`${what}: did not throw`);
}

const CHECKS = {
  async "authenticates first, then follows rooms, then sends what waits"({ client, socket }) {
    const room = client.room(ROOM);
    const acked = room.command("chat", { text: "hello" });
    client.connect();
    equal(socket().url, "ws://server.test/ws", "address");
    equal(socket().protocols, ["tavola.v1"], "protocol");
    socket().open();
    equal(socket().sent, [{ type: "authenticate", token: "t0", after: {}, epochs: {} }], "first frame");
    socket().tell({ type: "authenticated", user_id: "u1", display_name: "Ann", server_time: 5_000_000 });
    equal(
      socket()
        .sent.slice(1)
        .map(({ type }) => type),
      ["join_room", "chat"],
      "then",
    );
    equal(client.now(), 5_000_000, "the server's clock");
    socket().tell({ type: "ack", id: socket().sent[2].id, room: ROOM, seq: 4 });
    equal((await acked).seq, 4, "ack");
  },

  async "merges patches as RFC 7396 says, and leaves the target as it was"({ module }) {
    const { merge } = module;
    const cases = [
      [{ a: "b" }, { a: "c" }, { a: "c" }],
      [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
      [{ a: "b" }, { a: null }, {}],
      [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
      [{ a: ["b"] }, { a: "c" }, { a: "c" }],
      [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
      [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
      [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
      [
        ["a", "b"],
        ["c", "d"],
        ["c", "d"],
      ],
      [{ a: "b" }, ["c"], ["c"]],
      [{ a: "foo" }, null, null],
      [{ a: "foo" }, "bar", "bar"],
      [{ e: null }, { a: 1 }, { e: null, a: 1 }],
      [[1, 2], { a: "b", c: null }, { a: "b" }],
      [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    ];
    for (const [target, patch, result] of cases) {
      const before = JSON.stringify(target);
      equal(merge(target, patch), result, `merge(${before}, ${JSON.stringify(patch)})`);
      equal(target, JSON.parse(before), "target");
    }
  },

  async "the view follows the updates; old numbers change nothing"({ follow, socket }) {
    const room = await follow(5);
    const seen = [];
    room.on("view", (view) => seen.push(view.seq));
    socket().tell(update(6, { game: { pot: 60 }, me: { hole_cards: ["Ah", "Kd"] } }, [{ kind: "hand_started" }]));
    socket().tell(update(6, { game: { pot: 1 } }));
    socket().tell(update(3, { game: { pot: 1 } }));
    equal(room.view.game.pot, 60, "pot");
    equal(room.view.me.hole_cards, ["Ah", "Kd"], "cards");
    equal([room.view.seq, room.view.at], [6, 60], "number and time");
    equal(seen, [6], "told once");
    socket().tell(update(7, { me: { hole_cards: null } }));
    equal("hole_cards" in room.view.me, false, "cards gone");
    equal(
      room.history.map(({ seq }) => seq),
      [6, 7],
      "history",
    );
  },

  async "a missing number is asked for; what came too early is kept and comes in order"({ follow, socket, time }) {
    const room = await follow(5);
    const seen = [];
    room.on("update", ({ seq }) => seen.push(seq));
    socket().tell(update(8));
    socket().tell(update(7));
    equal(socket().take("resync"), [{ type: "resync", room: ROOM, after: 5 }], "asked once");
    equal(seen, [], "nothing out of order");
    await time.pass(3_000);
    equal(socket().take("resync").length, 2, "asked again");
    socket().tell({ type: "updates", room: ROOM, updates: [update(6), update(7)] });
    equal(seen, [6, 7, 8], "in order, once");
    await time.pass(10_000);
    equal(socket().take("resync").length, 2, "not asked any more");
  },

  async "a full view answers a gap too, and nothing from before it comes after it"({ follow, socket }) {
    const room = await follow(5);
    const seen = [];
    room.on("update", ({ seq }) => seen.push(seq));
    socket().tell(update(300));
    socket().tell(update(250));
    socket().tell(hydrated(299, { ...VIEW, game: { pot: 299 } }));
    equal([room.seq, room.view.game.pot], [300, 300], "view and what came early");
    equal(seen, [300], "what is in the view does not come again");
    socket().tell({ ...hydrated(200, { ...VIEW, game: { pot: 200 } }), stale: true });
    equal([room.seq, room.view.game.pot], [300, 300], "a view that is but old is not taken");
  },

  async "a server whose database went back is believed, and what never was is forgotten"({ client, follow, socket }) {
    const at = (epoch, frame) => ({ ...frame, epoch });
    const room = await follow(5);
    const recent = (...known) => ({ ...VIEW, recent: known.map(([seq, epoch]) => ({ seq, epoch, at: 0, events: [] })) });
    const epochs = () => room.history.map(({ seq, epoch }) => [seq, epoch]);
    socket().tell(at(7, hydrated(6, recent([5, 7], [6, 7]))));
    socket().tell(at(8, update(7)));
    socket().tell(at(8, update(8)));
    socket().tell(at(8, update(10)));
    equal(socket().take("resync"), [{ type: "resync", room: ROOM, after: 8, epoch: 8 }], "it says of which history");
    socket().tell(at(7, hydrated(6, recent([5, 7], [6, 7]))));
    equal([room.seq, room.epoch, room.view.game.pot], [6, 7, VIEW.game.pot], "an older view is the truth");
    equal(epochs(), [[5, 7], [6, 7]], "what never was is in no history");
    socket().tell(at(9, update(7)));
    socket().tell(at(9, update(8)));
    socket().tell(at(9, update(9)));
    equal([room.seq, room.epoch], [9, 9], "the number that was waited for was of what is gone");
    socket().tell(at(11, hydrated(9, recent([8, 11], [9, 11]))));
    equal(epochs(), [[8, 11], [9, 11]], "equal numbers of another history");
    socket().tell(at(11, hydrated(10, recent([9, 11], [10, 11]))));
    equal(epochs(), [[8, 11], [9, 11], [10, 11]], "and of the same");
    socket().drop(1006);
    client.probe();
    socket().open();
    equal(
      socket().sent[0],
      { type: "authenticate", token: "t0", after: { [ROOM]: 10 }, epochs: { [ROOM]: 11 } },
      "and what it says when it comes back",
    );
  },

  async "after a loss it comes back by itself and says what it saw last"({ client, follow, socket, time, sockets }) {
    const room = await follow(5);
    socket().tell(update(6));
    socket().drop(1006);
    equal(client.connection.state, "waiting", "state");
    await time.pass(250);
    equal(sockets().length, 2, "connected again");
    socket().open();
    equal(socket().sent[0], { type: "authenticate", token: "t0", after: { [ROOM]: 6 }, epochs: {} }, "after, first");
    socket().authenticated();
    equal(socket().take("join_room"), [{ type: "join_room", room: ROOM, after: 6 }], "after");
    socket().tell({ type: "updates", room: ROOM, updates: [update(7)] });
    equal(room.view.game.pot, 7, "goes on");
  },

  async "a command is sent again under its id until it is answered, and is answered once"({ follow, socket, time }) {
    const room = await follow(5);
    let answers = 0;
    const acted = room.act("raise", { amount: 40 }, 9).then(() => (answers += 1));
    const first = socket().take("act")[0];
    equal([first.move, first.amount, first.turn], ["raise", 40, 9], "move");
    socket().drop(1006);
    await time.pass(250);
    socket().authenticated();
    equal(socket().take("act"), [first], "the same again");
    socket().tell({ type: "ack", id: first.id, room: ROOM, seq: 6 });
    socket().tell({ type: "ack", id: first.id, room: ROOM, seq: 6 });
    await acted;
    equal(answers, 1, "answered once");
    socket().drop(1006);
    await time.pass(250);
    socket().authenticated();
    equal(socket().take("act"), [], "not after its answer");
  },

  async "a move names the turn that is in view"({ follow, socket }) {
    const room = await follow(5, { ...VIEW, turn: { number: 17 } });
    room.act("fold").catch(() => {});
    equal(socket().take("act")[0].turn, 17, "turn");
  },

  async "where several are to act a move names one's own turn"({ follow, socket }) {
    const turns = [
      { number: 3, seat_index: 0 },
      { number: 4, seat_index: 2 },
    ];
    const room = await follow(5, { ...VIEW, me: { ...VIEW.me, seat_index: 2 }, turn: turns[0], turns });
    equal(room.turn?.number, 4, "one's own");
    room.act("pick").catch(() => {});
    equal(socket().take("act")[0].turn, 4, "turn");
    socket().tell({ type: "update", room: ROOM, seq: 6, epoch: 1, at: 0, events: [], patch: { turns: null } });
    equal(room.turn?.number, 3, "the one that runs");
  },

  async "a move that is foreseen is shown at once, and its update takes its place"({ follow, socket, time }) {
    const room = await follow(5, marked(["", "", ""], MINE));
    equal(room.shown === room.view, true, "nothing is ahead");
    const [shown, viewed] = [[], []];
    room.foresee = (view, move, at) => ({ ...onePerTurn(view, move), at_ms: at });
    room.on("shown", ({ game }) => shown.push(game.cells.join("-")));
    room.on("view", ({ game }) => viewed.push(game.cells.join("-")));
    const done = room.act("mark", { cell: 1 });
    equal(room.shown.game.cells, ["", "X", ""], "at once");
    equal([room.shown.me.legal, room.shown.turn], [[], THEIRS], "and whose turn it will be");
    equal(room.shown.at_ms, time.now, "when it was made");
    equal([room.view.game.cells, room.turn], [["", "", ""], MINE], "the view is what the server gave");
    socket().tell(update(6, { spectators: 2 }, [{ kind: "spectator_joined" }]));
    equal([room.shown.game.cells, room.shown.spectators], [["", "X", ""], 2], "on top of what comes between");
    socket().tell(said(7, ["", "O", ""], THEIRS, [acted]));
    equal(room.shown === room.view, true, "what is true is shown, and nothing else");
    const [{ id, turn }] = socket().take("act");
    equal(turn, 5, "its turn");
    socket().tell({ type: "ack", id, room: ROOM, seq: 7 });
    await done;
    equal(room.shown === room.view, true, "and after the answer");
    equal(shown, ["-X-", "-X-", "-O-"], "shown");
    equal(viewed, ["--", "-O-"], "viewed");
  },

  async "an answer that comes before its update leaves the move shown until then"({ follow, socket }) {
    const room = await follow(5, marked(["", "", ""], MINE));
    room.foresee = onePerTurn;
    const done = room.act("mark", { cell: 1 });
    const [{ id }] = socket().take("act");
    socket().tell({ type: "ack", id, room: ROOM, seq: 7 });
    await done;
    equal(room.shown.game.cells, ["", "X", ""], "accepted");
    socket().tell(update(6, { spectators: 2 }));
    equal(room.shown.game.cells, ["", "X", ""], "another's update");
    socket().tell(update(7, { spectators: 3 }));
    equal(room.shown === room.view, true, "its own, whatever the game made of it");
  },

  async "a move that is refused is taken back, with what was made on top of it"({ follow, socket, module }) {
    const room = await follow(5, marked(["", "", ""], MINE));
    room.foresee = manyPerTurn;
    const shown = [];
    room.on("shown", ({ game }) => shown.push(game.cells.join("-")));
    const atRefusal = [];
    room.on("refused", () => atRefusal.push(room.shown.game.cells.join("-")));
    const moves = [0, 1, 2].map((cell) => room.act("mark", { cell }));
    const [first, second, third] = socket().take("act");
    socket().tell(said(6, ["X", "", ""], MINE, [acted]));
    socket().tell({ type: "ack", id: first.id, room: ROOM, seq: 6 });
    equal(room.shown.game.cells, ["X", "X", "X"], "the others wait still");
    socket().tell(no(second.id));
    equal(room.shown.game.cells, ["X", "", ""], "taken back");
    equal(atRefusal, ["X--"], "before anybody is told");
    equal((await rejected(moves[1], module.Refused, "second")).code, "illegal_move", "code");
    socket().tell(no(third.id));
    await rejected(moves[2], module.Refused, "third");
    await moves[0];
    equal(room.shown === room.view, true, "nothing is left");
    equal(shown, ["X--", "X-X-", "X-X-X", "X-X-X", "X--"], "shown");
  },

  async "the same move twice in a turn is two moves, and each update takes one"({ follow, socket }) {
    const counted = (count, turn = MINE) => ({ game: { count }, me: { role: "player", seat_index: 0, legal: [{ move: "add" }] }, turn });
    const room = await follow(5, { ...VIEW, ...counted(0) });
    room.foresee = ({ game }) => ({ game: { count: game.count + 1 } });
    room.act("add");
    room.act("add");
    equal(room.shown.game.count, 2, "two");
    const added = { kind: "player_action", seat_index: 0, move: "add" };
    socket().tell(update(6, { game: { count: 1 } }, [added]));
    equal(room.shown.game.count, 2, "one and one");
    socket().tell(update(7, { game: { count: 11 } }, [{ ...added, seat_index: 1 }]));
    equal(room.shown.game.count, 12, "another player's is not ours");
    socket().tell(update(8, { game: { count: 12 } }, [added]));
    equal(room.shown === room.view, true, "both are true");
    const ids = socket().take("act").map(({ id }) => id);
    ids.forEach((id, index) => socket().tell({ type: "ack", id, room: ROOM, seq: 6 + 2 * index }));
    equal(room.shown.game.count, 12, "no more");
  },

  async "moves in turns one after the other are taken by their own updates"({ follow, socket }) {
    const room = await follow(5, marked(["", "", ""], MINE));
    room.foresee = (view, move) => ({ ...manyPerTurn(view, move), turn: { number: view.turn.number + 1 } });
    for (const cell of [0, 1, 2]) room.act("mark", { cell });
    const sent = socket().take("act");
    equal(sent.map(({ turn }) => turn), [5, 6, 7], "each in its own turn");
    socket().tell(said(6, ["X", "", ""], { number: 6, seat_index: 0 }, [acted]));
    equal(room.shown.game.cells, ["X", "X", "X"], "one is true");
    socket().tell({ type: "ack", id: sent[0].id, room: ROOM, seq: 6 });
    socket().tell({ type: "ack", id: sent[1].id, room: ROOM, seq: 7 });
    socket().tell(said(7, ["X", "X", ""], { number: 7, seat_index: 0 }, [acted]));
    equal(room.shown.game.cells, ["X", "X", "X"], "two are, of which one was answered before");
    socket().tell(no(sent[2].id));
    equal(room.shown.game.cells, ["X", "X", ""], "the last is taken back");
  },

  async "a move in a turn that is over is shown no more, whatever came of it"({ follow, socket }) {
    const room = await follow(5, marked(["", "", ""], MINE));
    room.foresee = onePerTurn;
    room.act("mark", { cell: 1 }).catch(() => {});
    socket().tell(said(6, ["", "", ""], { number: 7, seat_index: 0 }, [{ kind: "offer_ended" }]));
    equal(room.shown === room.view, true, "one's own next turn");
    room.act("mark", { cell: 2 }).catch(() => {});
    equal(room.shown.game.cells, ["", "", "X"], "in it one moves again");
    socket().tell(said(7, ["", "", ""], { number: 8, seat_index: 1 }));
    equal(room.shown === room.view, true, "another's");
    socket().tell(said(8, ["", "", ""], { number: 9, seat_index: 0 }));
    equal(room.shown === room.view, true, "and it does not come back");
  },

  async "a move that waits is shown over a loss, and leaves nothing when it is answered"({ follow, socket, time }) {
    const room = await follow(5, marked(["", "", ""], MINE));
    room.foresee = onePerTurn;
    const done = room.act("mark", { cell: 1 });
    socket().drop(1006);
    equal(room.shown.game.cells, ["", "X", ""], "while it is away");
    await time.pass(250);
    socket().authenticated();
    socket().tell(hydrated(5, marked(["", "", ""], MINE)));
    equal(room.shown.game.cells, ["", "X", ""], "the view does not have it");
    const [{ id }] = socket().take("act");
    socket().tell(said(6, ["", "X", ""], THEIRS, [acted]));
    socket().tell({ type: "ack", id, room: ROOM, seq: 6 });
    await done;
    equal(room.shown === room.view, true, "answered");
  },

  async "a whole view that has the move in it is shown as it is"({ follow, socket, time }) {
    const many = (cells, recent) => ({ ...marked(cells, MINE), recent });
    const room = await follow(5, many(["", "", ""], []));
    room.foresee = ({ game }) => ({ game: { pot: game.pot + 1 } });
    room.act("mark", { cell: 1 }).catch(() => {});
    equal(room.shown.game.pot, 1, "ahead");
    socket().drop(1006);
    await time.pass(250);
    socket().authenticated();
    const recent = [{ seq: 5, epoch: undefined, at: 0, events: [acted] }, { seq: 6, epoch: undefined, at: 0, events: [acted] }];
    socket().tell(hydrated(6, many(["", "", ""], recent)));
    equal(room.shown === room.view, true, "its event is among those that were missed");
    const stale = { ...hydrated(4, many(["", "", ""], [])), stale: true };
    socket().tell(stale);
    equal([room.seq, room.shown === room.view], [6, true], "an older view changes nothing");
  },

  async "a server whose database went back has nothing of what was accepted"({ follow, socket }) {
    const room = await follow(5, marked(["", "", ""], MINE));
    room.foresee = onePerTurn;
    const done = room.act("mark", { cell: 1 });
    socket().tell({ type: "ack", id: socket().take("act")[0].id, room: ROOM, seq: 9 });
    await done;
    equal(room.shown.game.cells, ["", "X", ""], "accepted");
    socket().tell(hydrated(3, marked(["", "", ""], MINE)));
    equal([room.seq, room.shown === room.view], [3, true], "it never was");
  },

  async "a move without an answer is taken back when it is given up"({ client, follow, module, time }) {
    const room = await follow(5, marked(["", "", ""], MINE));
    room.foresee = onePerTurn;
    const late = room.act("mark", { cell: 1 });
    const closed = rejected(late, module.Unanswered, "late");
    await time.pass(30_000);
    await closed;
    equal(room.shown === room.view, true, "no answer");
    const next = rejected(room.act("mark", { cell: 1 }), module.Unanswered, "closed");
    equal(room.shown.game.cells, ["", "X", ""], "again");
    client.close();
    await next;
    equal(room.shown === room.view, true, "closed");
    await rejected(room.act("mark", { cell: 1 }), module.Unanswered, "closed before");
    equal(room.shown === room.view, true, "and at once");
  },

  async "only a move that is offered in one's own turn is foreseen"({ follow, socket, thrown }) {
    const room = await follow(5, marked(["X", "", ""], MINE));
    const act = (args, move = "mark") => void room.act(move, args).catch(() => {});
    act({ cell: 1 });
    equal(room.shown === room.view, true, "nobody foresees anything");
    socket().tell(no(socket().take("act")[0].id));
    const asked = [];
    room.foresee = (_, move) => void asked.push(move);
    const offers = [
      { move: "mark", cell: { choices: [1, 2] } },
      { move: "raise", amount: { min: 10, max: 20 }, exact: true },
      { move: "go", from: "e2", to: "e4" },
    ];
    socket().tell(update(6, { me: { legal: offers } }));
    for (const args of [{ cell: 0 }, { cell: "1" }, {}]) act(args);
    for (const amount of [9, 21]) act({ amount }, "raise");
    act({ from: "e2", to: "e5" }, "go");
    act({}, "fold");
    equal(asked, [], "not offered");
    for (const { id } of socket().take("act").slice(1)) socket().tell(no(id));
    for (const [args, move] of [[{ cell: 1 }, "mark"], [{ amount: 10 }, "raise"], [{ from: "e2", to: "e4" }, "go"]]) {
      asked.length = 0;
      act(args, move);
      equal(asked, [{ ...args, move }], "offered");
      equal(room.shown === room.view, true, "not sure of what it changes");
      socket().tell(no(socket().take("act").at(-1).id));
    }
    room.foresee = () => {
      throw new Error("mine");
    };
    act({ cell: 1 });
    equal(room.shown === room.view, true, "a mistake in it");
    equal(new Set(await thrown()), new Set(["mine"]), "is not hidden");
    socket().tell(no(socket().take("act").at(-1).id));
    room.foresee = onePerTurn;
    socket().tell(update(7, { turn: THEIRS }));
    act({ cell: 1 });
    equal(room.shown === room.view, true, "not one's turn");
  },

  async "refusals are errors with a code; not now is tried again"({ follow, socket, time, module }) {
    const room = await follow(5);
    const no = room.act("check");
    const [{ id }] = socket().take("act");
    socket().tell({
      type: "error",
      id,
      room: ROOM,
      code: "not_your_turn",
      message: "It is not your turn.",
      details: { a: 1 },
    });
    const refused = await rejected(no, module.Refused, "refused");
    equal(
      [refused.code, refused.message, refused.details],
      ["not_your_turn", "It is not your turn.", { a: 1 }],
      "fields",
    );

    const troubles = [];
    room.on("trouble", (code) => troubles.push(code));
    const later = room.act("check");
    const again = socket().take("act")[1];
    socket().tell({
      type: "error",
      id: again.id,
      room: ROOM,
      code: "storage_unavailable",
      message: "Later.",
      retry_after_ms: 500,
    });
    equal(socket().take("act").length, 2, "not at once");
    await time.pass(1_000);
    equal(socket().take("act")[2], again, "again, the same");
    socket().tell({ type: "ack", id: again.id, room: ROOM, seq: 6 });
    equal((await later).seq, 6, "done");
    equal(troubles, ["storage_unavailable", null], "told meanwhile");
  },

  async "what is never answered ends, and says that it is not known"({ follow, module, time, client, socket }) {
    const room = await follow(5);
    const lost = room.chat("is anybody there?");
    const at = time.now;
    await time.pass(29_999);
    socket().tell({ type: "heartbeat_ack", server_time: Date.now() });
    const closed = room.chat("goodbye");
    const late = rejected(lost, module.Unanswered, "never answered").then(() => Date.now() - at);
    await time.pass(1);
    equal(await late, 30_000, "given up after");
    client.close();
    await rejected(closed, module.Unanswered, "closed");
    const other = await rejected(room.chat("too late"), module.Unanswered, "after the end");
    equal(typeof other.id, "string", "its id");
  },

  async "too much is refused here"({ follow, module, socket }) {
    const room = await follow(5);
    const large = await rejected(room.chat("x".repeat(40_000)), module.Refused, "large");
    equal(large.code, "message_too_large", "code");
    const all = Array.from({ length: 65 }, () => room.chat("hi"));
    equal((await rejected(all.pop(), module.Refused, "many")).code, "overloaded", "code");
    for (const each of all) each.catch(() => {});
    equal(socket().take("chat").length, 64, "sent");
  },

  async "waits longer after each failure, up to a limit, and never all at once"({ client, socket, time }) {
    client.connect();
    const delays = [];
    for (let attempt = 0; attempt < 9; attempt++) {
      socket().drop(1006);
      delays.push(client.connection.retry_at - time.now);
      await time.pass(10_000);
    }
    equal(delays, [125, 375, 750, 1500, 3000, 6000, 7500, 7500, 7500], "delays at chance ½");
  },

  async "a server that restarts says when to come back"({ client, follow, socket, time, sockets }) {
    await follow(5);
    socket().tell({ type: "closing", reason: "the server restarts", reconnect_after_ms: 700 });
    socket().drop(1012);
    equal(client.connection.retry_at - time.now, 750, "after that, and a little chance");
    await time.pass(700);
    equal(sockets().length, 1, "not before");
    await time.pass(50);
    equal(sockets().length, 2, "then");
  },

  async "some closes are for good"({ make, sockets, time }) {
    for (const [code, reason] of [
      [4400, "protocol"],
      [4403, "refused"],
      [4409, "too_many"],
    ]) {
      const client = make();
      client.connect();
      const socket = sockets().at(-1);
      socket.authenticated();
      const count = sockets().length;
      socket.drop(code);
      await time.pass(60_000);
      equal([client.connection.state, client.connection.reason], ["closed", reason], `${code}`);
      equal(sockets().length, count, `${code}: stays away`);
    }
  },

  async "tries all that says who it is, best first, then says that it is signed out"({ make, sockets, storage }) {
    const kept = { [ROOM]: { seat_token: "s1", rejoin_token: "j1", kept_at: 1 } };
    storage.setItem("tavola.rooms", JSON.stringify(kept));
    const client = make({ token: "t0", cookie: true });
    client.room(ROOM);
    client.connect();
    const tried = [];
    for (let way = 0; way < 4; way++) {
      const socket = sockets().at(-1);
      socket.open();
      const { type, after, epochs, ...credential } = socket.sent[0];
      tried.push(credential);
      socket.tell({ type: "error", code: "unauthenticated", message: "Sign in first." });
      socket.drop(4401);
    }
    equal(tried, [{ token: "t0" }, {}, { seat_token: "s1" }, { rejoin_token: "j1" }], "ways");
    equal([client.connection.state, client.connection.reason], ["closed", "signed_out"], "in the end");
  },

  async "a room that the credential named is not joined twice"({ client, socket, storage }) {
    client.room(ROOM);
    client.room("r_2");
    client.connect();
    socket().authenticated({ room: ROOM, role: "player", rejoin_token: "j9", seat_token: "s9" });
    equal(
      socket()
        .take("join_room")
        .map(({ room }) => room),
      ["r_2"],
      "joined",
    );
    const kept = JSON.parse(storage.getItem("tavola.rooms"))[ROOM];
    equal([kept.rejoin_token, kept.seat_token, kept.user_id], ["j9", "s9", "u1"], "kept");
  },

  async "keeps the newest tokens, wherever they come from, and forgets them on leaving"({ follow, socket, storage }) {
    const kept = () => JSON.parse(storage.getItem("tavola.rooms") ?? "{}")[ROOM] ?? {};
    const room = await follow(5, { ...VIEW, me: { role: "player", rejoin_token: "j1" } });
    equal(kept().rejoin_token, "j1", "in a view");
    const sat = room.command("take_seat", { seat_index: 0 });
    const [{ id }] = socket().take("take_seat");
    socket().tell({ type: "ack", id, room: ROOM, seq: 6, rejoin_token: "j2", seat_token: "s2" });
    await sat;
    equal([kept().rejoin_token, kept().seat_token], ["j2", "s2"], "in an ack");
    socket().tell({ ...update(6), rejoin_token: "j3" });
    equal([kept().rejoin_token, kept().seat_token], ["j3", "s2"], "in an update");
    socket().tell({ type: "heartbeat_ack", server_time: Date.now(), seat_tokens: { [ROOM]: "s4", r_other: "x" } });
    equal([kept().rejoin_token, kept().seat_token], ["j3", "s4"], "renewed");
    const left = room.command("leave");
    socket().tell({ type: "ack", id: socket().take("leave")[0].id, room: ROOM, seq: 7 });
    await left;
    equal(kept(), {}, "forgotten");
  },

  async "heartbeats; a connection that says nothing is given up"({ client, follow, socket, time, sockets }) {
    await follow(5);
    await time.pass(14_999);
    equal(socket().take("heartbeat").length, 0, "left alone");
    await time.pass(1);
    equal(socket().take("heartbeat").length, 1, "beat");
    socket().tell({ type: "heartbeat_ack", server_time: Date.now() });
    await time.pass(15_000);
    equal(socket().take("heartbeat").length, 2, "beat again");
    const silent = socket();
    await time.pass(4_999);
    equal(client.connection.state, "open", "patient");
    await time.pass(1);
    equal([client.connection.state, silent.closed], ["waiting", 1000], "given up");
    await time.pass(1_000);
    equal(sockets().length, 2, "and connected anew");
    silent.onmessage({ data: JSON.stringify(hydrated(900)) });
    equal(client.rooms.get(ROOM).seq, 5, "the dead say nothing");
  },

  async "who waits for an answer, or whose turn it is, notices sooner"({ client, follow, socket, time, sockets }) {
    const room = await follow(5);
    await time.pass(10_000);
    const silent = socket();
    room.chat("hello").catch(() => {});
    await time.pass(0);
    equal(silent.take("heartbeat").length, 1, "asked at once: it has said nothing for long");
    room.chat("hello?").catch(() => {});
    await time.pass(1_999);
    equal(client.connection.state, "open", "patient");
    await time.pass(1);
    equal([client.connection.state, silent.closed], ["waiting", 1000], "given up, whatever else was sent");
    await time.pass(1_000);
    const [, second] = sockets();
    second.authenticated();
    second.tell(hydrated(6, { turn: { number: 1, seat_index: 0 } }));
    for (const { id } of second.take("chat")) second.tell({ type: "ack", id, room: ROOM, seq: 7 });
    await time.pass(2_499);
    equal(second.take("heartbeat").length, 0, "left alone");
    await time.pass(1);
    equal(second.take("heartbeat").length, 1, "somebody's turn");
    second.tell({ type: "heartbeat_ack", server_time: Date.now() });
    await time.pass(2_500);
    equal(second.take("heartbeat").length, 2, "again");
    await time.pass(2_000);
    equal(client.connection.state, "waiting", "given up");
  },

  async "a connection that never comes about is given up as well"({ client, socket, time, sockets }) {
    client.connect();
    await time.pass(10_000);
    equal(socket(0).closed, 1000, "closed");
    await time.pass(250);
    equal(sockets().length, 2, "tried again");
  },

  async "asked to, it looks at once whether it is connected"({ client, follow, socket, time, sockets }) {
    await follow(5);
    client.probe();
    equal(socket().take("heartbeat").length, 1, "asked");
    await time.pass(4_000);
    equal(client.connection.state, "waiting", "no answer");
    client.probe();
    equal(sockets().length, 2, "at once");
  },

  async "a room that cannot be followed says why; one that cannot be now is asked for again"(given) {
    const { client, socket, time, module } = given;
    client.connect();
    socket().authenticated();
    const none = client.room("r_none");
    socket().tell({ type: "error", room: "r_none", code: "room_not_found", message: "There is no such room." });
    equal((await rejected(none.ready, module.Refused, "no room")).code, "room_not_found", "code");
    equal(client.rooms.has("r_none"), false, "not followed");
    const busy = client.room(ROOM);
    socket().tell({ type: "error", room: ROOM, code: "room_unavailable", message: "Later.", retry_after_ms: 300 });
    equal(busy.trouble, "room_unavailable", "trouble");
    await time.pass(300);
    equal(
      socket()
        .take("join_room")
        .filter(({ room }) => room === ROOM).length,
      2,
      "again",
    );
    socket().tell(hydrated(1));
    equal(((await busy.ready).seq, busy.trouble), null, "there");
  },

  async "presence is told and remembered"({ follow, socket }) {
    const room = await follow(5);
    const seen = [];
    room.on("presence", (each) => seen.push(each));
    socket().tell({ type: "presence", room: ROOM, user_id: "u2", status: "away" });
    equal(seen, [{ user_id: "u2", status: "away" }], "told");
    equal(room.presence.get("u2"), "away", "remembered");
  },

  async "what is nonsense, or from a later version, is passed over"({ follow, socket }) {
    const room = await follow(5);
    socket().onmessage({ data: "not JSON" });
    socket().onmessage({ data: "[1]" });
    socket().tell({ type: "something_new", room: ROOM });
    socket().tell({ type: "update", room: "r_other", seq: 6, at: 1, events: [] });
    socket().tell(update(6));
    equal(room.seq, 6, "goes on");
  },

  async "storage that is broken or forbidden is as none"({ make, sockets }) {
    const broken = {
      getItem: () => "][",
      setItem() {
        throw new Error("full");
      },
    };
    const client = make({ storage: broken });
    const room = client.room(ROOM);
    client.connect();
    sockets().at(-1).authenticated();
    sockets()
      .at(-1)
      .tell(hydrated(5, { ...VIEW, me: { rejoin_token: "j1" } }));
    equal(room.seq, 5, "goes on");
  },

  async "REST: who asks, what is refused, what is out of reach"({ make, module }) {
    const asked = [];
    let reply = { status: 200, body: { user_id: "u1", display_name: "Ann", token: "t1" } };
    const fetch = async (url, request) => {
      asked.push({ url, ...request });
      if (!reply) throw new TypeError("no network");
      return { ok: reply.status < 400, status: reply.status, text: async () => JSON.stringify(reply.body) };
    };
    const client = make({ fetch, token: undefined });
    await client.signIn("Ann");
    equal(
      [asked[0].url, asked[0].method, asked[0].body],
      ["http://server.test/api/session", "POST", '{"display_name":"Ann"}'],
      "request",
    );
    equal(asked[0].headers["X-Requested-With"], "tavola", "header");
    equal(client.session.display_name, "Ann", "session");
    reply = { status: 409, body: { error: { code: "seat_taken", message: "Somebody sits there." } } };
    const refused = await rejected(client.request("POST", "/api/rooms/x/seat", {}, "id-1"), module.Refused, "refused");
    equal(refused.code, "seat_taken", "code");
    equal([asked[1].headers.Authorization, asked[1].headers["Idempotency-Key"]], ["Bearer t1", "id-1"], "headers");
    reply = { status: 502, body: "nothing of ours" };
    equal((await rejected(client.request("GET", "/x"), module.Refused, "strange")).code, "unavailable", "code");
    reply = { status: 401, body: { error: { code: "token_expired", message: "Expired." } } };
    equal(await client.resume(), null, "no session");
    const page = make({ fetch, token: undefined, cookie: true, url: globalThis.location?.origin });
    reply = { status: 200, body: { user_id: "u1", display_name: "Ann", token: "t1" } };
    await page.signIn();
    await page.request("GET", "/api/session");
    equal(asked.at(-1).headers.Authorization, undefined, "where there is a cookie, no token is kept");
    reply = null;
    await rejected(client.resume(), module.Unreachable, "no network");
  },

  async "a page of another origin keeps its token, and lets go of one that is over"({ make, storage }) {
    const ours = !globalThis.location; // node has none
    if (ours) globalThis.location = { origin: "http://page.test" };
    try {
      const asked = [];
      let replies = [{ user_id: "u1", display_name: "Ann", token: "t1" }];
      const fetch = async (url, request) => {
        asked.push([request.method, request.headers.Authorization, request.credentials]);
        const body = replies.length > 1 ? replies.shift() : replies[0];
        return { ok: !body.error, status: body.error ? 401 : 200, text: async () => JSON.stringify(body) };
      };
      const page = () => make({ fetch, token: undefined, cookie: true });
      await page().signIn("Ann");
      await page().resume();
      const over = { error: { code: "token_expired", message: "Expired." } };
      replies = [over, { user_id: "u2", display_name: "Guest", token: "t2" }];
      await page().signIn();
      replies = [over, { error: { code: "unauthenticated", message: "Sign in first." } }];
      equal(await page().resume(), null, "neither token nor cookie");
      const [none, first, second] = [undefined, "Bearer t1", "Bearer t2"];
      const by = [none, first, first, none, second, none];
      equal(asked.map(([, token]) => token), by, "by which token");
      equal(new Set(asked.map(([, , credentials]) => credentials)).size, 1, "the cookie");
      equal(asked[0][2], "include", "the cookie");
      equal(storage.getItem("tavola.token http://server.test"), "", "nothing is left");
    } finally {
      if (ours) delete globalThis.location;
    }
  },

  async "a listener that throws harms nobody else, and one that is ended hears nothing"({ follow, socket, thrown }) {
    const room = await follow(5);
    const seen = [];
    room.on("update", () => {
      throw new Error("mine");
    });
    const end = room.on("update", ({ seq }) => seen.push(seq));
    socket().tell(update(6));
    end();
    socket().tell(update(7));
    equal(seen, [6], "heard");
    equal(room.seq, 7, "goes on");
    equal(await thrown(), ["mine", "mine"], "and it is not hidden");
  },
};

/** Runs all checks on tavola.js. */
export async function run(module) {
  const results = [];
  for (const [name, check] of Object.entries(CHECKS)) results.push({ name, error: await attempt(check, module) });
  return results;
}

async function attempt(check, module) {
  const time = new FakeTime();
  const storage = new FakeStorage();
  FakeSocket.all = [];
  const clients = [];
  const errors = [];
  const queueMicrotask = globalThis.queueMicrotask;
  globalThis.queueMicrotask = (call) =>
    queueMicrotask(() => {
      try {
        call();
      } catch (error) {
        errors.push(error.message);
      }
    });
  time.install();
  const make = (options = {}) => {
    const given = {
      url: "http://server.test/",
      token: "t0",
      cookie: false,
      WebSocket: FakeSocket,
      storage,
      random: () => 0.5,
    };
    clients.push(new module.Tavola({ ...given, ...options }));
    return clients.at(-1);
  };
  const client = make();
  const socket = (index = -1) => FakeSocket.all.at(index);
  const follow = async (seq, view) => {
    const room = client.room(ROOM);
    client.connect();
    socket().authenticated();
    socket().tell(hydrated(seq, view));
    await room.ready;
    return room;
  };
  const thrown = async () => (await settle(), errors);
  try {
    await check({ client, make, socket, sockets: () => FakeSocket.all, follow, time, storage, module, thrown });
    return null;
  } catch (error) {
    return String(error?.stack ?? error);
  } finally {
    for (const each of clients) each.close();
    time.restore();
    globalThis.queueMicrotask = queueMicrotask;
  }
}
