// Prints what a run's rollouts say about its training: NDCG and length over time, what ranks well within a group, and how
// the test users' profiles begin.
// node scripts/rollout-statistics.mjs runs/<name>
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const [folder] = process.argv.slice(2)
if (!folder) {
  console.error('usage: node scripts/rollout-statistics.mjs <run folder>')
  process.exit(2)
}
const records = (name) =>
  readFileSync(join(folder, name), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length
const covariance = (a, b) => mean(a.map((value, i) => (value - mean(a)) * (b[i] - mean(b))))
const correlation = (a, b) => covariance(a, b) / Math.sqrt(covariance(a, a) * covariance(b, b))

const rollouts = records('rollouts.jsonl')
const last = rollouts.at(-1).step
const steps = records('metrics.jsonl').filter(({ entropy }) => typeof entropy === 'number')
for (let from = 1; from <= last; from += 10) {
  const part = rollouts.filter(({ step }) => step >= from && step < from + 10)
  const of = (key) => mean(part.map((rollout) => rollout[key])).toFixed(3)
  const tokens = mean(part.map((rollout) => rollout.tokens)).toFixed(1)
  const entropy = mean(
    steps.filter(({ step }) => step >= from && step < from + 10).map((metrics) => metrics.entropy),
  ).toFixed(2)
  console.log(
    `steps ${from}-${Math.min(last, from + 9)}: forward ${of('forward')} backward ${of('backward')} copied ${of('copied')} tokens ${tokens} entropy ${entropy}`,
  )
}

const groups = new Map()
for (const rollout of rollouts) {
  const key = JSON.stringify([rollout.step, rollout.user])
  groups.set(key, [...(groups.get(key) ?? []), rollout])
}
const within = (a, b) =>
  mean([...groups.values()].map((group) => correlation(group.map(a), group.map(b))).filter(Number.isFinite))
const both = ({ forward, backward }) => forward + backward
console.log(
  `correlation within a group, advantage with tokens: ${within(
    ({ advantage }) => advantage,
    ({ tokens }) => tokens,
  ).toFixed(2)}`,
)
console.log(`correlation within a group, NDCG with tokens: ${within(both, ({ tokens }) => tokens).toFixed(2)}`)
console.log(
  `correlation within a group, forward with backward: ${within(
    ({ forward }) => forward,
    ({ backward }) => backward,
  ).toFixed(2)}`,
)

if (existsSync(join(folder, 'profiles.jsonl')))
  for (const side of ['before', 'after']) {
    const counts = new Map()
    const users = records('profiles.jsonl')
    for (const user of users) {
      const start = user[side].profile.split(/\s+/).slice(0, 5).join(' ')
      counts.set(start, (counts.get(start) ?? 0) + 1)
    }
    const top = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 3)
    const tokens = mean(users.map((user) => user[side].tokens)).toFixed(1)
    console.log(`${side}: ${tokens} tokens; ${top.map(([start, count]) => `${count} × "${start}"`).join(', ')}`)
  }
