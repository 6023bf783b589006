/**
 * Texts in the reader's language. English stands in the code and, all of it, in texts.json; a translation is a file
 * beside it, `texts.de.json`, that has for each of those texts another. The page says which there are.
 */

/** @type {{ [english: string]: string }} */
const texts = await translation();

async function translation() {
  const there = globalThis.document?.querySelector("meta[name=languages]")?.getAttribute("content")?.split(" ") ?? [];
  const wanted = globalThis.navigator?.languages?.map((each) => each.slice(0, 2)) ?? [];
  const language = wanted.find((each) => each === "en" || there.includes(each));
  if (!language || language === "en") return {};
  try {
    const answer = await fetch(`/static/texts.${language}.json`);
    const found = await answer.json();
    document.documentElement.lang = language;
    return found;
  } catch {
    return {}; // English is better than nothing.
  }
}

/**
 * A text, with what stands in for {0}, {1}, and so on.
 * @param {string} english
 * @param {unknown[]} parts
 */
export const t = (english, ...parts) =>
  (texts[english] ?? english).replace(/\{(\d)\}/g, (_, index) => String(parts[index]));
