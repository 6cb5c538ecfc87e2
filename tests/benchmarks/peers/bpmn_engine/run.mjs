// npm bpmn-engine, a case as one row with the engine's state as JSON in PostgreSQL. One process, one client.
// The same lines of JSON as tests/benchmarks/competitor.py. Arguments: connection string, file of the diagram.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { performance } from 'node:perf_hooks';
import { EventEmitter } from 'node:events';
import { Engine } from 'bpmn-engine';
import pg from 'pg';

const [connectionString, file] = process.argv.slice(2);
const source = readFileSync(file, 'utf8');
const client = new pg.Client({ connectionString });
await client.connect();
await client.query('CREATE TABLE IF NOT EXISTS bpmn_engine (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state text NOT NULL)');

const FORM = { 意见: '现场情况属实，同意按方案治理。', 结论: '同意', 金额: 12.5 };

async function start() {
  const engine = new Engine({ name: 'four', source });
  await engine.execute({ listener: new EventEmitter() });
  const state = JSON.stringify(await engine.getState());
  await engine.stop();
  const found = await client.query({ name: 'new', text: 'INSERT INTO bpmn_engine (state) VALUES ($1) RETURNING id', values: [state] });
  return found.rows[0].id;
}

async function complete(id) {
  await client.query('BEGIN');
  const found = await client.query({ name: 'take', text: 'SELECT state FROM bpmn_engine WHERE id = $1 FOR UPDATE', values: [id] });
  const engine = new Engine({ name: 'four' }).recover(JSON.parse(found.rows[0].state));
  const execution = await engine.resume({ listener: new EventEmitter() });
  const waiting = execution.getPostponed().filter((one) => one.type === 'bpmn:UserTask');
  if (waiting.length !== 1) throw new Error(`${waiting.length} tasks wait in case ${id}`);
  waiting[0].signal(FORM);
  const state = JSON.stringify(await engine.getState());
  await engine.stop();
  await client.query({ name: 'keep', text: 'UPDATE bpmn_engine SET state = $1 WHERE id = $2', values: [state, id] });
  await client.query('COMMIT');
}

async function timed(act) {
  const begun = performance.now();
  const value = await act();
  return [performance.now() - begun, value];
}

async function completed(id, times) {
  const took = [];
  for (let n = 0; n < times; n++) took.push((await timed(() => complete(id)))[0]);
  return took;
}

let old;
const answers = {
  async cases({ times }) {
    const begun = [], done = [];
    const cpu = process.cpuUsage();
    for (let n = 0; n < times; n++) {
      const [took, id] = await timed(start);
      begun.push(took);
      done.push(...(await completed(id, 4)));
    }
    const used = process.cpuUsage(cpu);
    return { start: begun, complete: done, cpu: [(used.user + used.system) / 1000] };
  },
  async rounds({ earlier, times }) {
    if (old === undefined) {
      old = await start();
      await completed(old, earlier);
    }
    return { complete: await completed(old, times) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const words = JSON.parse(line);
  console.log(JSON.stringify(await answers[words.do](words)));
}
await client.end();
process.exit(0);
