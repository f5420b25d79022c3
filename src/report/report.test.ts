// The report as a file: every section, hostile profiles, runs under way, damaged files, and its size whatever it is
// given.
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BumpError } from '../util/errors.ts'
import type { Chart } from './charts/chart.ts'
import { writeReport } from './report.ts'
import { writeEvaluation, writeRun, writeSftRun } from './testing/run-folders.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'bump-report-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

async function report(runs: string[], evaluations: string[] = []) {
  const { path, notes } = await writeReport({ runs, evaluations, out: join(root, 'out.html') })
  const html = readFileSync(path, 'utf8')
  const data = /<script type="application\/json" id="charts">(.*?)<\/script>/s.exec(html)?.[1]
  const charts = data === undefined ? [] : (JSON.parse(data) as Chart[])
  // The page without its scripts and styles: what a reader sees.
  const text = html.replace(/<(script|style)[^>]*>.*?<\/\1>/gs, '')
  return { html, text, charts, titles: charts.map(({ title }) => title), notes }
}

const policy = (html: string) => /Policy" content="([^"]*)/.exec(html)?.[1].replaceAll('&#39;', "'")
const sections = (html: string) => [...html.matchAll(/<section id="(\w+)"/g)].map(([, id]) => id)

describe('a report of one run', () => {
  it('has every section, in the words of the run', async () => {
    const evaluation = writeEvaluation(join(root, 'result.json'))
    const { html, text, titles } = await report([writeRun(join(root, 'tea'))], [evaluation])
    const all = ['overview', 'result', 'evaluations', 'curves', 'profiles', 'rollouts', 'configuration']
    expect(sections(html)).toEqual(all)
    for (const id of all) expect(html).toContain(`href="#${id}"`)
    expect(text).toContain('Profiles of unseen people rose from 0.500 to 0.800; chance is 0.473')
    expect(text).toContain('With another user’s profile instead the score is 0.480, which is chance')
    expect(text).toContain('72 train, 24 validation, 64 test')
    expect(text).toContain('paths:\n      - data/tea.jsonl')
    expect(titles).toEqual([
      ...['Forward NDCG', 'Backward NDCG', 'Reward', 'Profile length', 'Entropy', 'Profiles cut at the token limit'],
      ...['Groups without signal', 'Gradient norm', 'Learning rate', 'Seconds by phase'],
    ])
    expect(text).toContain('Not measured: KL to the frozen base.')
    expect(text).not.toContain('KL to the frozen base: 0')
  })

  it('shows the same profiles by other judges side by side', async () => {
    const { text } = await report([writeRun(join(root, 'tea'), { judges: ['embedding', 'listwise<'] })])
    expect(text).toContain('The same profiles by each judge')
    expect(text).toContain('after, embedding on embedding-model (no part in the reward)')
    expect(text).toContain('listwise&lt; on listwise&lt;-model (no part in the reward)')
    expect((await report([writeRun(join(root, 'one'))])).text).not.toContain('by each judge')
  })

  it('stands in the run folder unless --out says otherwise', async () => {
    const run = writeRun(join(root, 'tea'))
    expect(await writeReport({ runs: [run] })).toMatchObject({ path: join(run, 'report.html'), notes: [] })
  })

  it('asks for nothing from outside, and forbids it', async () => {
    const { html, text } = await report([writeRun(join(root, 'tea'))])
    expect(policy(html)).toMatch(/^default-src 'none'; script-src 'sha256-/)
    expect([...text.matchAll(/(?:src|href)="([^"]*)"/g)].filter(([, to]) => !/^(#|data:)/.test(to))).toEqual([])
    expect(html).not.toMatch(/@import|url\((?!#)/)
  })

  it('draws validation, rollouts and the chance of each', async () => {
    const { charts } = await report([writeRun(join(root, 'tea'))])
    const [forward, backward] = charts
    const labels = (chart: Chart) => chart.lines.map(({ label, reference }) => [label, reference ?? false])
    expect(labels(forward)).toEqual([
      ['validation', false],
      ['rollouts', false],
      ['chance, validation', true],
      ['chance, rollouts', true],
    ])
    expect(labels(backward)).toEqual([
      ['rollouts', false],
      ['chance', true],
    ])
    const looks = forward.lines.map(({ style: { dash, width, marker } }) => `${dash}/${width}/${marker}`)
    expect(new Set(looks).size).toBe(4)
    expect(charts.find(({ title }) => title === 'Profile length')!.band!.points[0]).toEqual([1, 10.84, 30.84])
    const stacks = charts.at(-1)!.stacks!
    expect(stacks.map(({ label }) => label)).toEqual(['rollout', 'judge', 'train', 'validation'])
    expect(stacks[2].bars[1]).toEqual([0.5, 1.5, 3, 6])
  })

  it('shows profiles by its rules', async () => {
    const { text } = await report([writeRun(join(root, 'tea'))])
    const shown = [...text.matchAll(/<h4>(test-\d) <span class="tag">([^<]*)</g)].map(([, user, label]) => [
      user,
      label,
    ])
    expect(shown).toEqual([
      ['test-8', 'largest gain: +0.400'],
      ['test-6', 'upper quartile: +0.200'],
      ['test-4', 'median: 0'],
      ['test-2', 'lower quartile: −0.200'],
      ['test-0', 'largest loss: −0.400'],
    ])
    const rollouts = text.slice(text.indexOf('<section id="rollouts"'))
    expect([...rollouts.matchAll(/>Step (\d+)</g)].map(([, step]) => step)).toEqual(['1', '11', '21', '30', '40'])
    const ranks = [...rollouts.matchAll(/row">(\w+)<span class="note">(user-\d)/g)].slice(0, 3)
    expect(ranks.map(([, rank, user]) => [rank, user])).toEqual([
      ['highest', 'user-1'],
      ['median', 'user-2'],
      ['lowest', 'user-3'],
    ])
    expect(rollouts).toContain('<td data-label="length">−0.125</td>')
  })

  it.each([
    [0.02, 'went from 0.500 to 0.520, a change that could be luck'],
    [-0.2, 'fell from 0.500 to 0.300'],
  ])('says plainly what a change of %s is', async (change, words) => {
    const { text } = await report([writeRun(join(root, 'tea'), { change })])
    expect(text).toContain(words)
  })

  it('shows a profile as text, whatever it says', async () => {
    const profile = '</p></script><img src=x onerror=alert(1)><!-- "\' & \u0000\u2028'
    const { html, text } = await report([writeRun(join(root, 'tea</script><b>'), { profile })])
    expect(html).not.toMatch(/<img|<b>0:|tea<\/script>/)
    expect(html).not.toContain('\u0000')
    expect(text).toContain(
      '&lt;/p&gt;&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&lt;!-- &quot;&#39; &amp; \ufffd',
    )
  })
})

describe('several runs', () => {
  it('stand side by side, each with its own look', async () => {
    const runs = ['a', 'b', 'c'].map((name) => writeRun(join(root, name), { steps: name === 'a' ? 40 : 60 }))
    const { text, charts, titles } = await report([...runs, runs[0]])
    expect(titles.slice(0, 3)).toEqual([
      'Forward NDCG, validation',
      'Forward NDCG, rollouts',
      'Backward NDCG, rollouts',
    ])
    const lines = charts[1].lines
    expect(lines.map(({ label }) => label)).toEqual(['a', 'b', 'c', 'chance'])
    expect(new Set(lines.map(({ style }) => style.dash)).size).toBe(4)
    expect(text).toContain('Where the runs differ')
    expect(text).toContain('<th scope="row">optim.steps</th><td>40</td><td>60</td><td>60</td>')
    expect(text).toContain('after, b')
  })

  it('may have the same name, and be of several kinds', async () => {
    const runs = [writeRun(join(root, 'x', 'tea')), writeRun(join(root, 'y', 'tea')), writeSftRun(join(root, 'sft'))]
    const { charts, titles } = await report(runs)
    expect(charts[0].lines.map(({ label }) => label)).toEqual(['tea (1)', 'tea (2)', 'chance'])
    const loss = charts[titles.indexOf('Training loss')]
    expect(loss.lines.map(({ label, style }) => [label, style.color])).toEqual([['sft', 'var(--series-3)']])
    expect(titles).toContain('Validation loss')
    expect(titles).toContain('Seconds by phase, sft')
  })

  it('are refused where a chart could not tell them apart', async () => {
    const runs = Array.from({ length: 9 }, (_, i) => writeRun(join(root, `r${i}`), { steps: 1 }))
    await expect(report(runs)).rejects.toThrow(/9 runs .* at most 8/)
  })
})

describe('a run of bump sft', () => {
  it('shows its losses, and that its data are rebuilt', async () => {
    const { text, titles } = await report([writeSftRun(join(root, 'sft'))])
    expect(titles).toEqual(['Training loss', 'Validation loss', 'Seconds by phase'])
    expect(text).toContain('validation loss went from 3.000 to 2.000 at its best')
    expect(text).toContain('LaMP-5, condition bump, rebuilt data: not comparable with published scores')
  })
})

describe('a run that is not whole', () => {
  it('is shown as far as it goes while it is under way', async () => {
    const { html, text, notes } = await report([writeRun(join(root, 'tea'), { finished: false })])
    expect(sections(html)).toEqual(['overview', 'curves', 'rollouts', 'configuration'])
    expect(text).toContain('40 steps are done')
    expect(notes).toEqual([expect.stringMatching(/^tea: There is no summary.json: the run is under way/)])
  })

  it('is shown before its first step', async () => {
    const run = writeRun(join(root, 'tea'), { finished: false })
    for (const name of ['metrics.jsonl', 'rollouts.jsonl']) rmSync(join(run, name))
    const { html, text } = await report([run])
    expect(sections(html)).toEqual(['overview', 'configuration'])
    expect(policy(html)).toContain("script-src 'none'")
    for (const note of ['metrics.jsonl is not there', 'rollouts.jsonl is not there']) expect(text).toContain(note)
  })

  it('names the damaged lines and shows the rest', async () => {
    const run = writeRun(join(root, 'tea'))
    appendFileSync(join(run, 'metrics.jsonl'), '[1]\n{"step": "x"}\n{"step": 41, "rew')
    appendFileSync(join(run, 'rollouts.jsonl'), '{"step":1,"profile":3}\n\n')
    writeFileSync(join(run, 'profiles.jsonl'), '\u0000\u0001')
    writeFileSync(join(run, 'summary.json'), '{"before": 3}')
    const { html, notes } = await report([run])
    expect(sections(html)).toEqual(['overview', 'curves', 'rollouts', 'configuration'])
    expect(notes).toEqual([
      'tea: metrics.jsonl: 3 lines (the first: line 42) are damaged and left out; 41 lines are shown.',
      'tea: summary.json is not what bump train writes: the final measurement is not shown.',
      'tea: rollouts.jsonl: line 37 is damaged and left out; 36 lines are shown.',
      'tea: profiles.jsonl: line 1 is damaged and left out; 0 lines are shown.',
    ])
    writeFileSync(join(run, 'summary.json'), '{"before"')
    expect((await report([run])).notes[1]).toMatch(/summary.json is damaged/)
  })

  it('is refused where it is no run at all', async () => {
    await expect(report([root])).rejects.toThrow(/is no run folder/)
    const run = writeRun(join(root, 'tea'))
    writeFileSync(join(run, 'config.json'), '{')
    await expect(report([run])).rejects.toThrow(/config.json is damaged/)
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`
    const rest = '"package":{"name":"bump","version":"1"},"model":{},"data":{}'
    writeFileSync(join(run, 'config.json'), `{"config":{"seed":${deep}},${rest}}`)
    await expect(report([run])).rejects.toThrow(/config.json is damaged/)
  })
})

describe('evaluations', () => {
  it('stand with their notes, differences and what a hollow dot means', async () => {
    const note = 'Rebuilt data: <b>not</b> comparable with published scores.'
    const evaluation = writeEvaluation(join(root, 'result.json'), { note })
    const { text } = await report([writeRun(join(root, 'tea'))], [evaluation])
    expect(text).toContain('Rebuilt data: &lt;b&gt;not&lt;/b&gt; comparable')
    expect(text).toContain('Condition bump − Condition none')
    expect(text).toContain('MAE (lower is better)')
    const part = text.slice(text.indexOf('<section id="evaluations"'), text.indexOf('<section id="curves"'))
    // The NDCG differs; the MAE's interval includes zero.
    expect(part.match(/class="hollow"/g)).toHaveLength(1)
  })

  it('draws layouts: lines over levels, and differences as a heat map', async () => {
    const one = (mean: number, low: number, high: number) => ({ ndcg: { mean, low, high } })
    const table = {
      notes: [],
      metrics: [{ key: 'ndcg', label: 'NDCG', higherIsBetter: true, chance: 0.4 }],
      rows: [
        { condition: 'a', label: 'raw <b>history</b>', n: 9, values: one(0.5, 0.4, 0.6) },
        { condition: 'b', label: 'zero-shot', n: 9, values: one(0.7, 0.6, 0.8) },
      ],
      differences: [
        { a: 'b', b: 'a', values: one(0.2, 0.1, 0.3) },
        { a: 'a', b: 'b', values: one(-0.2, -0.3, 0.1) },
      ],
    }
    const lines = [{ label: 'raw <b>history</b>', conditions: ['a', 'b'] }]
    const cells = [
      { a: 'b', b: 'a', marked: true },
      { a: 'a', b: 'b', marked: false },
    ]
    const grid = { type: 'grid', rowsTitle: 'trained', columnsTitle: 'tested on', markedMeans: 'its own users' }
    const references = [{ label: 'chance', conditions: ['a', 'gone'] }]
    const result = {
      ...{ kind: 'transfer', createdAt: '2026-01-01', command: 'bump', seconds: 1, settings: {} },
      tables: [
        {
          ...table,
          title: 'A',
          layout: { type: 'lines', axis: 'length', levels: ['1', 'all'], lines, differences: [] },
        },
        { ...table, title: 'B', layout: { ...grid, columns: ['x', 'y'], rows: [{ label: 'run', cells }], references } },
      ],
    }
    const file = join(root, 'layouts.json')
    writeFileSync(file, JSON.stringify(result))
    const { text } = await report([writeRun(join(root, 'tea'))], [file])
    expect(text).toContain('NDCG by length. raw &lt;b&gt;history&lt;/b&gt;: 1 0.500, all 0.700.')
    expect(text).toContain('<td class="marked clear" style="--heat: 60%">+0.200 [+0.100, +0.300]</td>')
    expect(text).toContain('<td class="loss" style="--heat: 60%">−0.200 [−0.300, +0.100]</td>')
    expect(text).toContain('<th scope="row">chance</th><td>0.500 [0.400, 0.600]</td><td>–</td>')
  })

  it('draws the plots of tables behind the charts of runs, by their own axis', async () => {
    const evaluation = writeEvaluation(join(root, 'result.json'), { plots: true })
    const { text, charts } = await report([writeRun(join(root, 'tea'))], [evaluation])
    const index = charts.findIndex(({ title }) => title === 'Membership')
    expect(index).toBe(charts.length - 1)
    expect(charts[index]).toMatchObject({ axis: 'others mistaken', unit: 'members found' })
    expect(charts[index].lines.map(({ label, reference }) => [label, reference])).toEqual([
      ['attack', undefined],
      ['guessing', true],
    ])
    const part = text.slice(text.indexOf('<section id="evaluations"'), text.indexOf('<section id="curves"'))
    expect(part).toContain(`data-chart="${index}"`)
    expect(part).toContain('attack: 0 at others mistaken 0, 1.000 at others mistaken 1.000; guessing: 1.000')
  })

  it.each([
    ['no JSON', '<!doctype html>', /is not JSON/],
    ['another file', '{"kind": "profiles"}', /is no evaluation result \(createdAt/],
  ])('that are %s are refused', async (_, content, message) => {
    const path = join(root, 'result.json')
    writeFileSync(path, content)
    const attempt = report([writeRun(join(root, 'tea'))], [path])
    await expect(attempt).rejects.toThrow(BumpError)
    await expect(attempt).rejects.toThrow(message)
  })

  it('that are not there are refused', async () => {
    await expect(report([writeRun(join(root, 'tea'))], [join(root, 'none.json')])).rejects.toThrow(/ENOENT/)
    await expect(report([writeRun(join(root, 'tea'))], [root])).rejects.toThrow(/result\.json: cannot be read/)
  })
})

describe('the size', () => {
  it('stays under 2 MB, however long the runs, their profiles and the tables', async () => {
    const profile = '<&> '.repeat(2000)
    const runs = Array.from({ length: 8 }, (_, i) => writeRun(join(root, `run-${i}`), { steps: 1500, profile }))
    const evaluation = writeEvaluation(join(root, 'result.json'), { rows: 200, tables: 50, note: profile, plots: true })
    const { html, text, charts } = await report(runs, [evaluation, evaluation])
    expect(Buffer.byteLength(html)).toBeLessThan(2_000_000)
    for (const { lines, stacks } of charts) {
      for (const { points } of lines) expect(points.length).toBeLessThanOrEqual(120)
      for (const { bars } of stacks ?? []) expect(bars.length).toBeLessThanOrEqual(120)
    }
    expect(text).toMatch(/\d+ further parts are left out/)
    expect(text).toContain('162 further rows are left out')
  })

  it('stays under 2 MB, however many judges a summary names', async () => {
    const judges = Array.from({ length: 3000 }, (_, i) => `judge-${i}`)
    const { html, text } = await report([writeRun(join(root, 'tea'), { judges })])
    expect(Buffer.byteLength(html)).toBeLessThan(2_000_000)
    expect(text).toContain('after, judge-19 on')
    expect(text).toContain('2,980 further judges are left out to keep this file small; see summary.json.')
  })

  it('leaves out metrics before it leaves out tables', async () => {
    const evaluation = writeEvaluation(join(root, 'result.json'), { rows: 30, tables: 12 })
    const { text } = await report([writeRun(join(root, 'tea'))], [evaluation])
    expect(text).not.toMatch(/further parts are left out/)
    expect(text.match(/<h4>K = 8<\/h4>/g)).toHaveLength(12)
    expect(text.match(/Left out to keep this file small, see result.json: MAE\./g)).toHaveLength(12)
  })
})
