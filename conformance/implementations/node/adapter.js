// How does a Node.js scheduler talk to the judge? Requests on stdin, answers on stdout, one JSON object a line.

import { createInterface } from "node:readline";
import { BadRequest, NoNode, RedisFailure, openScheduler } from "./scheduler.js";

class Unsupported extends Error {}

const CODES = new Map([[BadRequest, "bad_request"], [NoNode, "no_node"], [Unsupported, "unsupported"], [RedisFailure, "redis"]]);

let scheduler = null;

async function carryOut(request) {
  switch (request.op) {
    case "hello":
      scheduler?.close();
      scheduler = await openScheduler(request.redis_url, request.reading, request.layout);
      return {
        name: "turnaffinity-example-node",
        version: "1.0.0",
        language: "javascript",
        ops: ["finalize", "select"],
        decisions: scheduler.choices,
      };
    case "finalize":
      return await saidHello().doFinalize(request);
    case "select":
      if (typeof request.pair !== "string" || !request.pair) throw new BadRequest("pair must be a text such as zh:en");
      return { node_id: await saidHello().selectNode(request.pair, request.job_id, request.turn_id) };
    case "bye":
      return {};
    default:
      throw new Unsupported(`there is no op "${request.op}"`);
  }
}

function saidHello() {
  if (!scheduler) throw new BadRequest("say hello first");
  return scheduler;
}

async function answer(request) {
  if ((request.v ?? 1) !== 1) {
    return { error: { code: "bad_request", message: `protocol version ${request.v} is unknown`, supported: [1] } };
  }
  try {
    return { ok: await carryOut(request) };
  } catch (error) {
    const code = CODES.get(error.constructor) ?? "internal";
    if (code === "internal") console.error(error); // stderr: stdout belongs to the protocol
    return { error: { code, message: error.message } };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  let request = {};
  let answered;
  try {
    request = JSON.parse(line);
    answered = await answer(request);
  } catch (error) {
    answered = { error: { code: "bad_request", message: error.message } };
  }
  process.stdout.write(`${JSON.stringify({ id: request.id ?? null, ...answered })}\n`);
  if (request.op === "bye") break;
}
scheduler?.close();
process.exit(0);
