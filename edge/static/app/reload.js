/** While a game is written (`tavola dev --reload`): over the page stands what is wrong with what was saved last. */

const LOOK_MS = 500;
const shown = document.createElement("pre");

shown.className = "fault";
shown.setAttribute("role", "alert");
shown.hidden = true;
document.body.append(shown);

async function look() {
  const answer = await fetch("/dev/games").catch(() => null);
  if (answer?.ok) {
    /** @type {{ fault?: string }} */
    const { fault = "" } = await answer.json();
    shown.textContent = fault;
    shown.hidden = !fault;
  }
  setTimeout(look, LOOK_MS);
}

void look();
