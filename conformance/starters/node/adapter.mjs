// How does the judge reach our scheduler? Requests on stdin, answers on stdout, one JSON object a line; log to stderr.

import { createInterface } from "node:readline";

class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code; // no_node, bad_request, unsupported, redis or internal
  }
}

const operations = {
  async hello({ v, redis_url, layout }) {
    if (v !== 1) throw new Refused("bad_request", "this adapter speaks version 1");
    // Connect to redis_url, and use the key names in layout.
    return { name: "my-scheduler", version: "0.1", language: "javascript", ops: ["finalize"] };
  },

  async finalize({ session_id, reason, src_lang, tgt_lang, room_langs }) {
    const langs = [src_lang, ...(room_langs?.length ? room_langs : [tgt_lang])];
    const known = ["manual", "timeout", "max_duration"].includes(reason);
    if (!session_id || !known || langs.some((tag) => !tag || tag.includes(":"))) {
      throw new Refused("bad_request", "a session, one of the three reasons, and language tags are needed"); // TA-TURN-5
    }
    // Call your scheduler here. In the note's order:
    // 1. manual and timeout: clear the open turn (TA-CLEAR-1)
    // 2. settle the turn id, a UUID v4 (TA-TURN-1)
    // 3. create one job for each distinct language, each selected under that id (TA-TURN-2, TA-TURN-6)
    // 4. max_duration: write the affinity and current_turn_id (TA-WRITE-1); else clear once more (TA-CLEAR-4)
    // and answer { turn_id: "...", jobs: [{ job_id: "...", tgt_lang: "en", node_id: "n1" }] }
    throw new Refused("unsupported", "finalize is not written yet");
  },

  async bye() {
    return {};
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const operation = Object.hasOwn(operations, request.op) ? operations[request.op] : null;
  let answer;
  try {
    if (!operation) throw new Refused("unsupported", `there is no op "${request.op}"`);
    answer = { id: request.id, ok: await operation(request) };
  } catch (error) {
    if (!(error instanceof Refused)) console.error(error);
    answer = { id: request.id, error: { code: error.code ?? "internal", message: error.message, supported: [1] } };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
  if (request.op === "bye") break;
}
process.exit(0);
