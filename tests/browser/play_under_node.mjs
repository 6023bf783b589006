// node play_under_node.mjs <tavola.js> <url>: two clients open a room of tic-tac-toe, play it to its end, and print it.
import { pathToFileURL } from "node:url";

const { Refused, Tavola } = await import(pathToFileURL(process.argv[2]));
const url = process.argv[3];

async function client(name) {
  const made = new Tavola({ url });
  await made.signIn(name);
  made.connect();
  return made;
}

const [ann, ben] = [await client("Ann"), await client("Ben")];
const options = { rematch_seconds: 1, turn_seconds: 120 };
const { id } = await ann.request("POST", "/api/rooms", { game: "tictactoe", approval: "auto", options });
const rooms = [ann.room(id), ben.room(id)];
await Promise.all(rooms.map((room) => room.ready));
await rooms[1].command("request_join", { display_name: "Ben" });
const over = rooms.map(
  (room) =>
    new Promise((resolve) =>
      room.on("update", ({ events }) => events.some(({ kind }) => kind === "game_complete") && resolve()),
    ),
);
const refusals = [];
for (const room of rooms) {
  const play = async () => {
    const move = room.view.me.legal?.[0];
    if (!move) return;
    try {
      await room.act(move.move, { cell: move.cell.choices[0] });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      refusals.push(error.code);
    }
  };
  room.on("update", play);
}
try {
  await rooms[1].act("mark", { cell: 0 });
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  refusals.push(error.code);
}
for (const [seat, room] of rooms.entries()) await room.command("take_seat", { seat_index: seat });
await Promise.all(over);
const boards = rooms.map((room) => room.view.game.board);
console.log(
  JSON.stringify({
    boards,
    lines: rooms.map((room) => room.view.game.line),
    seqs: rooms.map((room) => room.seq),
    refusals,
  }),
);
process.exit(0);
