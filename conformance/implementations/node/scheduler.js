// How does a scheduler keep turn affinity with three Lua scripts of its own? One finalize, from the turn id to the clear.

import { randomInt, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createClient, defineScript } from "redis";

export class BadRequest extends Error {} // refused before anything is read or written
export class NoNode extends Error {} // no job of the batch got a node
export class RedisFailure extends Error {}

const INTENT = { D1: "reuse", D2: "before", D3: "after-batch", D4: "overwrite" };
const CONTINUOUS = { ...INTENT, D2: "after", D3: "after-first-job" };
const PRESETS = {
  intent: INTENT,
  literal: { ...INTENT, D1: "mint" },
  continuous: CONTINUOUS,
  decided: { ...CONTINUOUS, D4: "write-once" },
  steady: { ...CONTINUOUS, D4: "repair" },
};
const CHOICES = {
  D1: ["reuse", "mint"],
  D2: ["before", "after"],
  D3: ["after-batch", "after-first-job"],
  D4: ["overwrite", "write-once", "repair"],
};
const LAYOUT = {
  turn: "scheduler:turn:{turn_id}",
  session: "scheduler:session:{session_id}",
  node: "lingua:v1:node:{node_id}",
  node_pools: "lingua:v1:node:{node_id}:pools",
  pool: "lingua:v1:pool:{pair}:{pool_id}:nodes",
  job: "lingua:v1:job:{job_id}:node",
  affinity_field: "affinity_node_id",
  current_turn_field: "current_turn_id",
  job_ttl_s: 3600,
  pool_index: null,
};
const FIELDS = ["affinity_field", "current_turn_field"];

export async function openScheduler(url, reading, layout) {
  const choices = parseReading(reading);
  const names = { ...LAYOUT, ...layout };
  let connected = false;
  const { socket, ...address } = addressOf(url);
  const client = createClient({
    ...address,
    disableOfflineQueue: true, // a server that is away is an error at once, not a request that hangs
    socket: { ...socket, reconnectStrategy: (retries, cause) => (connected ? Math.min(50 * retries, 500) : cause) },
    scripts: { selectNode: script("select", names), writeAffinity: script("write", names), clearAffinity: script("clear", names) },
  });
  client.on("error", (error) => console.error(`redis: ${error.message}`));
  await asked(client.connect());
  connected = true;
  return new Scheduler(client, choices, names);
}

// what createClient is told of an address; a socket with a user is no URL to it, since it names no host
function addressOf(url) {
  const found = /^unix:\/\/(?:([^:@/]*):([^@/]*)@)?(\/[^?]*)(?:\?db=(\d+))?$/.exec(url);
  if (!found) return { url };
  const [username, password, path] = found.slice(1, 4).map((part) => part && decodeURIComponent(part));
  return { username, password, database: Number(found[4] ?? 0), socket: { path } };
}

class Scheduler {
  constructor(client, choices, layout) {
    Object.assign(this, { client, choices, layout });
  }

  async doFinalize({ session_id, reason, src_lang, tgt_lang, room_langs }) {
    refuseBadRequest({ session_id, reason, src_lang, tgt_lang, room_langs });
    const langs = room_langs?.length ? [...new Set(room_langs)] : [tgt_lang];
    const finalize = reason === "max_duration" ? this.extendTurn : this.closeTurn;
    const { turn_id, jobs } = await finalize.call(this, session_id, src_lang, langs);
    if (jobs.every((job) => job.node_id === null)) throw new NoNode("no node serves any language of this batch");
    return { turn_id, jobs };
  }

  async extendTurn(session_id, src_lang, langs) {
    const turn_id = (this.choices.D1 === "reuse" && (await this.openTurn(session_id))) || randomUUID();
    let written = false;
    const jobs = await this.createTranslationJobs(src_lang, langs, turn_id, true, async ({ node_id }) => {
      if (this.choices.D3 !== "after-first-job" || written || node_id === null) return;
      await this.writeAffinity(session_id, turn_id, node_id);
      written = true;
    });
    const first = jobs.find((job) => job.node_id !== null);
    if (first && !written) await this.writeAffinity(session_id, turn_id, first.node_id);
    return { turn_id, jobs };
  }

  async closeTurn(session_id, src_lang, langs) {
    const clearFirst = this.choices.D2 === "before";
    if (clearFirst) {
      // the clear below repairs it
      await this.clearAffinity(session_id).catch((error) => console.error(`first clear: ${error.message}`));
    }
    try {
      const turn_id = (!clearFirst && (await this.openTurn(session_id))) || randomUUID();
      return { turn_id, jobs: await this.createTranslationJobs(src_lang, langs, turn_id, false) };
    } finally {
      await this.clearAffinity(session_id); // also when a job could not be created: the turn is over
    }
  }

  async createTranslationJobs(src_lang, langs, turn_id, bind, created = async () => {}) {
    const jobs = [];
    for (const tgt_lang of langs) {
      jobs.push(await this.createJobWithMinimalScheduler(src_lang, tgt_lang, turn_id, bind));
      await created(jobs.at(-1));
    }
    return jobs;
  }

  async createJobWithMinimalScheduler(src_lang, tgt_lang, turn_id, bind) {
    const job_id = randomUUID();
    return { job_id, tgt_lang, node_id: await this.selectNode(`${src_lang}:${tgt_lang}`, bind ? job_id : null, turn_id) };
  }

  async selectNode(pair, job_id, turn_id) {
    const start = randomInt(1, 2 ** 31 - 1);
    return (await asked(this.client.selectNode(pair, job_id ?? "", turn_id ?? "", String(start)))) ?? null;
  }

  openTurn(session_id) {
    const key = this.layout.session.replace(/\{\{|\}\}|\{session_id\}/g, (mark) => ({ "{{": "{", "}}": "}" })[mark] ?? session_id);
    return asked(this.client.hGet(key, this.layout.current_turn_field));
  }

  writeAffinity(session_id, turn_id, node_id) {
    return asked(this.client.writeAffinity(session_id, turn_id, node_id, this.choices.D4));
  }

  clearAffinity(session_id) {
    return asked(this.client.clearAffinity(session_id));
  }

  close() {
    this.client.destroy();
  }
}

// Sent as EVALSHA, and once as EVAL to a server that does not know the script.
function script(name, layout) {
  const source = readFileSync(new URL(`lua/${name}.lua`, import.meta.url), "utf8");
  const SCRIPT = source.replace(/\$(\w+)/g, (mark, member) => (member in LAYOUT ? inLua(member, layout[member]) : mark));
  return defineScript({ SCRIPT, NUMBER_OF_KEYS: 0, parseCommand: (parser, ...args) => parser.push(...args), transformReply: (reply) => reply });
}

// "turn:{turn_id}" becomes ("turn:" .. turn_id); a number and null stand for themselves.
function inLua(member, value) {
  if (value === null) return "nil";
  if (typeof value === "number") return String(value);
  if (FIELDS.includes(member)) return luaText(value);
  const parts = value.split(/(\{\{|\}\}|\{\w+\})/).filter(Boolean);
  return `(${parts.map((part) => (/^\{\w/.test(part) ? part.slice(1, -1) : luaText(part === "{{" || part === "}}" ? part[0] : part))).join(" .. ")})`;
}

function luaText(text) {
  return `"${text.replace(/["\\\x00-\x1f]/g, (mark) => `\\${String(mark.charCodeAt(0)).padStart(3, "0")}`)}"`;
}

function asked(promise) {
  return promise.catch((error) => Promise.reject(new RedisFailure(error.message)));
}

function refuseBadRequest({ session_id, reason, src_lang, tgt_lang, room_langs }) {
  if (typeof session_id !== "string" || session_id === "") throw new BadRequest("session_id must be a text that is not empty");
  if (!["manual", "timeout", "max_duration"].includes(reason)) {
    throw new BadRequest(`reason "${reason}" is unknown; use manual, timeout or max_duration`);
  }
  if (room_langs != null && !Array.isArray(room_langs)) throw new BadRequest("room_langs must be null or a list of languages");
  for (const lang of [src_lang, ...(room_langs?.length ? room_langs : [tgt_lang])]) {
    if (typeof lang !== "string" || lang === "" || lang.includes(":")) {
      throw new BadRequest(`language "${lang}" must be a text that is not empty and has no colon`);
    }
  }
}

// A preset's name, null (intent), or choices such as "D1=mint,D4=repair".
function parseReading(text) {
  if (text == null || Object.hasOwn(PRESETS, text)) return PRESETS[text ?? "intent"];
  const pairs = text.split(",").map((part) => part.split("=").map((piece) => piece.trim()));
  for (const [decision, choice] of pairs) {
    if (!CHOICES[decision]?.includes(choice)) {
      throw new BadRequest(`reading "${text}" is unknown; use a preset, or choices such as D1=mint,D4=repair`);
    }
  }
  return { ...INTENT, ...Object.fromEntries(pairs) };
}
