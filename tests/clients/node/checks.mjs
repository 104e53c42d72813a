// What the scripts of this folder share: named checks, run one after the other against a server.
//
//   node client.mjs http://127.0.0.1:52415/v1 MODEL [check ...]

export const [URL_, MODEL, ...WANTED] = process.argv.slice(2);

export const weather = (city) => ({ Paris: "sunny", Oslo: "snow" })[city] ?? "rain";

export function ensure(truth, what) {
  if (!truth) throw new Error(`expected: ${what}`);
}

// Run the checks, tell of each, and exit with 1 if one failed.
export async function run(checks) {
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    if (WANTED.length && !WANTED.includes(name)) continue;
    const began = Date.now();
    let saw;
    try {
      saw = JSON.stringify((await check()) ?? null);
    } catch (error) {
      failed = 1;
      saw = String(error?.stack ?? error).slice(0, 1500);
    }
    console.log(JSON.stringify({ check: name, seconds: (Date.now() - began) / 1000, saw: String(saw).slice(0, 2000) }));
  }
  process.exit(failed);
}
