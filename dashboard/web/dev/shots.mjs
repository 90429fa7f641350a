// Takes screenshots of the pages on the mock, in each state and size, for people to review.
// `node dev/shots.mjs http://127.0.0.1:7700 /tmp/shots`
import { chromium } from "playwright-core";

const [base = "http://127.0.0.1:7700", out = "/tmp/tallylight-shots"] = process.argv.slice(2);
const SIZES = [[1440, 900], [1920, 1080], [390, 844]];
const only = process.argv[4];
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"] });

async function shot(name, path, size, { wait = 2500, scenario = "calm", ago = 0, act } = {}) {
  if (only && !name.includes(only)) return;
  await fetch(`${base}/mock?scenario=${scenario === "disconnected" ? "calm" : scenario}&ago=${ago}`);
  const context = await browser.newContext({ viewport: { width: size[0], height: size[1] } });
  const page = await context.newPage();
  page.on("pageerror", (error) => console.log(name, "ERROR", error.message));
  page.on("console", (message) => message.type() === "error" && console.log(name, "console:", message.text()));
  await page.goto(base + path);
  await page.waitForTimeout(wait);
  if (scenario === "disconnected") {
    await fetch(`${base}/mock?scenario=down`);
    await page.waitForTimeout(7000);
  }
  if (act) await act(page);
  const overflow = await page.evaluate(() => [Math.max(document.documentElement.scrollWidth - innerWidth, document.querySelector("main").scrollWidth - document.querySelector("main").clientWidth), document.querySelector("main").scrollHeight - document.querySelector("main").clientHeight]);
  await page.screenshot({ path: `${out}/${name}-${size[0]}.png` });
  console.log(`${name}-${size[0]}: overflow x ${overflow[0]}, y ${overflow[1]}`);
  await context.close();
}

/** Beacons as a newcomer sends them: one good, one without a state, one without a session. */
async function connect(page) {
  await page.waitForTimeout(1500);
  const sid = await page.evaluate(() => /my-first-\w+/.exec(document.body.innerText)[0]);
  for (const line of [`cid="demo",e=ps,sid="${sid}",sn=0,sta=s,ts=${Date.now()},v=2`, `e=ps,sid="${sid}",sn=1,ts=${Date.now()},v=2`, `cid="demo",e=t,sn=2,ts=${Date.now()},v=2`]) {
    await fetch(`${base}/v1/cmcd?k=demo`, { method: "POST", body: line });
  }
  await page.waitForTimeout(1800);
}

for (const size of SIZES) {
  await shot("pipeline", "/pipeline", size);
  await shot("pipeline-incident", "/pipeline", size, { scenario: "incident", ago: 70 });
  await shot("calm", "/", size);
  await shot("moved", "/?metric=rebuffer_ratio_pct&by=edge", size, { scenario: "moved", ago: 70, wait: 5000 });
  await shot("incident", "/?metric=rebuffer_ratio_pct&by=edge", size, { scenario: "incident", ago: 70 });
  await shot("disconnected", "/", size, { scenario: "disconnected" });
  await shot("players", "/players", size);
  await shot("health", "/health", size, { wait: 3500 });
  for (const scenario of ["calm", "incident"]) {
    const set = { scenario, ago: 70 };
    await shot(`sessions-${scenario}`, scenario === "calm" ? "/sessions" : "/sessions?find=rebuffered", size, set);
    await shot(`session-${scenario}`, "/sessions?find=edge:e1", size, { ...set, act: async (page) => { await page.click(".found tbody tr"); await page.waitForTimeout(1500); } });
    await shot(`sql-${scenario}`, "/sql", size, { ...set, act: async (page) => { await page.click("#run"); await page.waitForTimeout(1200); } });
    await shot(`connect-${scenario}`, "/connect", size, { ...set, act: async (page) => { await connect(page); } });
  }
  await shot("sessions-over", "/sessions?over=device,edge", size);
  await shot("sessions-over-ratio", "/sessions?over=edge&show=rebuffer_ratio_pct&minutes=180&find=content:demo%20rebuffered", size, { scenario: "partition" });
  await shot("sql-wrong", `/sql#q=${encodeURIComponent("SELECT sid, rebuffer_count\nFORM sessions")}`, size);
  await shot("sql-bars", `/sql#q=${encodeURIComponent("SELECT device, edge, count(*) AS sessions FROM live_sessions GROUP BY device, edge")}`, size, { act: async (page) => { await page.click('[data-tab="chart"]'); await page.waitForTimeout(400); } });
  await shot("connect-empty", "/connect?player=exo", size);
  for (const player of ["hls", "dash", "shaka"]) await shot(`watch-${player}`, `/watch?player=${player}`, size, { act: async (page) => { await page.click("#play"); await page.waitForTimeout(9000); } });
}
for (const scenario of ["moved", "dead", "both", "frozen", "encoder", "tv"]) await shot(`pipeline-${scenario}`, "/pipeline", [1440, 900], { scenario, ago: 60, wait: 4000 });
for (const scenario of ["noviewers", "offair", "partition", "deaf"]) await shot(scenario, "/", [1440, 900], { scenario, ago: 60, wait: 8000 });
for (const scenario of ["advise", "both", "frozen", "dead", "tv"]) await shot(`room-${scenario}`, "/", [1440, 900], { scenario, ago: 60, wait: 6000 });
await shot("mode", "/", [1440, 900], { scenario: "incident", ago: 60, act: async (page) => { await page.keyboard.press("m"); await page.click("[data-mode=advise]"); } });
await shot("by-hand", "/", [1440, 900], { act: async (page) => { await page.keyboard.press("a"); await page.waitForTimeout(800); } });
await shot("light", "/?by=device", [1440, 900], { act: async (page) => { await page.keyboard.press("t"); await page.waitForTimeout(600); } });
await shot("help", "/", [1440, 900], { act: async (page) => { await page.keyboard.press("?"); await page.waitForTimeout(300); } });
await browser.close();
