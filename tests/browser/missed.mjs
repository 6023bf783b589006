// node missed.mjs <tavola.js> <url> <JSON of {identity, room, token, after}>: a user takes up their seat again by its
// token, and asks for what they missed; prints both answers.
import { pathToFileURL } from "node:url";

const { Tavola } = await import(pathToFileURL(process.argv[2]));
const { identity, room, token, after } = JSON.parse(process.argv[4]);
const client = new Tavola({ url: process.argv[3], token: identity });
await client.resume();
const back = await client.reconnect(room, token, after);
const missed = [];
for await (const update of client.missed(room, after)) missed.push(update);
console.log(JSON.stringify({ back, missed }));
