// node run_checks.mjs <tavola.js>: the client's checks under node; prints their results as JSON.
import { pathToFileURL } from "node:url";

const { run } = await import("./client_checks.js");
console.log(JSON.stringify(await run(await import(pathToFileURL(process.argv[2])))));
process.exit(0);
