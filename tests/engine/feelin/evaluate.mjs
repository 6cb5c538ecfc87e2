// Reads JSON lines {"text", "context"} on stdin; answers each with {"value"} or {"error"}.
import { createInterface } from "node:readline";
import { evaluate } from "feelin";

function plain(value) {
  if (value === undefined || value === null || typeof value === "boolean" || typeof value === "string") return value ?? null;
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "function") return { $: "function" };
  if (typeof value.toISO === "function") return { $: value.toISO() };
  if (value.constructor === Object) return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
  return { $: value.constructor.name };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { text, context } = JSON.parse(line);
  let answer;
  try {
    const result = evaluate(text, context);
    answer = { value: plain(result && typeof result === "object" && "value" in result && "warnings" in result ? result.value : result) };
  } catch (error) {
    answer = { error: String(error.message ?? error).slice(0, 200) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
