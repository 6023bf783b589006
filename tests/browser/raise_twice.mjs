// node raise_twice.mjs <url>: two guests at hold'em; who is to act first raises twice in one turn, by the example's
// function in example.mjs.
import { at, raise } from "./example.mjs";
import { Tavola } from "./tavola.mjs";

async function sits(name, id, seat) {
  const client = new Tavola({ url: process.argv[2] });
  await client.signIn(name);
  client.connect();
  // Of rules that nobody asks for: a table of the usual ones would be found by whoever presses Play.
  const wish = { game: "holdem", approval: "auto", options: { turn_seconds: 600 } };
  id ??= (await client.request("POST", "/api/rooms", wish)).id;
  const room = client.room(id);
  await room.ready;
  await room.command("request_join", { display_name: name });
  await room.command("take_seat", { seat_index: seat, buy_in: 1000 });
  return room;
}

const ann = await sits("Ann", null, 0);
const rooms = [ann, await sits("Ben", ann.id, 1)];
const mine = (room) => room.view.me.legal.some(({ move }) => move === "raise") && room;
const acts = await new Promise((found) => {
  const look = () => rooms.some((room) => mine(room) && (found(room), true));
  for (const room of rooms) room.on("view", look);
  look();
});
at(acts);
const { seat_index } = acts.view.me;
await Promise.all([raise(120), raise(120)]);
const raises = acts.history.flatMap(({ events }) => events).filter(({ move }) => move === "raise");
if (raises.length !== 1 || raises[0].seat_index !== seat_index) throw new Error(JSON.stringify(raises));
console.log(`raised once, to ${raises[0].amount}`);
process.exit(0);
