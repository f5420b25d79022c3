// The pages as people use them: Chromium on a phone's screen, without scripts, by keyboard. Where CHROMIUM names none,
// this is skipped: CHROMIUM=/usr/bin/chromium npx vitest run src/serve/pages
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import pino from 'pino'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addInteractions } from '../../store/interactions.ts'
import { readProfile, writeProfileByHand } from '../../store/profiles.ts'
import { startServer } from '../server.ts'
import { type Serving, serving } from '../testing/serving.ts'

const CHROMIUM = process.env.CHROMIUM
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

describe.skipIf(CHROMIUM === undefined)('in Chromium', () => {
  let s: Serving
  let server: Awaited<ReturnType<typeof startServer>>
  let browser: Browser
  let phone: BrowserContext
  let page: Page
  const complaints: string[] = []

  beforeAll(async () => {
    s = await serving()
    const texts = ['pruned the roses', 'sowed beans by the trellis', '<img src=x onerror=alert(1)>']
    const interactions = texts.map((text, i) => ({ user: 'ann', id: `i${i}`, time: i, text }))
    await addInteractions(s.store, { project: 'a', actor: 'test' }, interactions)
    const scope = { project: 'a', user: 'ann', actor: 'test' }
    const { revision } = await readProfile(s.store, scope)
    await writeProfileByHand(s.store, scope, { text: 'Grows roses. Likes beans.', revision })
    server = await startServer({ store: s.store, log: pino({ enabled: false }), port: 0 })
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
    phone = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 390, height: 800 } })
    page = await phone.newPage()
    page.on('console', (message) => complaints.push(message.text()))
    page.on('request', (request) => {
      if (!/^(data:|http:\/\/127\.0\.0\.1:)/.test(request.url())) complaints.push(request.url())
    })
  })
  afterAll(async () => {
    await browser?.close()
    await server?.stop()
    await s?.close()
  })

  const heading = async () => await page.locator('h1').textContent()

  /** No page is wider than the screen, and each control has a name. */
  async function readable(): Promise<void> {
    const { width } = (await page.locator('main').boundingBox())!
    expect(width).toBeLessThanOrEqual(390)
    for (const control of await page.locator('input:not([type=hidden]), select, textarea, button').all())
      expect(await control.evaluate((e) => e.labels?.length || e.textContent?.trim().length)).toBeGreaterThan(0)
  }

  it('a person reads, corrects, leaves out, erases and leaves, by keyboard', async () => {
    const { json } = await s.call(await s.key('admin'), 'POST', '/v1/users/ann/links', {})
    await page.goto(`${server.address}${new URL(json.url).pathname}`)
    await page.getByRole('button', { name: 'Show my profile' }).press('Enter')
    expect(await heading()).toBe('Your profile')
    await readable()
    await page.getByLabel('Say of yourself').fill('I am a vegetarian.')
    await page.getByLabel('Say of yourself').press('Enter')
    await page.getByLabel('Where sentence 2 comes from').press('Enter')
    await page.getByRole('button', { name: 'Forbid' }).press('Enter')
    const said = await page.locator('.profile').textContent()
    expect(said).toContain('I am a vegetarian.')
    expect(said).not.toContain('Likes beans')
    await page.getByRole('link', { name: 'Read them' }).press('Enter')
    await readable()
    await page.getByLabel('sowed beans').press(' ')
    await page.getByRole('button', { name: 'Leave out' }).press('Enter')
    expect(await page.locator('body').textContent()).toContain('3 interactions are stored, 2 of them are used.')
    await page.getByRole('link', { name: 'Read them' }).press('Enter')
    await page.getByLabel('onerror').press(' ')
    await page.getByRole('button', { name: 'Erase the chosen' }).press('Enter')
    await page.getByRole('button', { name: 'Erase them' }).press('Enter')
    expect(await heading()).toBe('Erased')
    await page.getByRole('link', { name: 'Back' }).press('Enter')
    await page.getByRole('button', { name: 'Leave', exact: true }).press('Enter')
    expect(await heading()).toBe('You have left')
  })

  it('an operator enters, finds the user, looks at versions, and makes a key', async () => {
    await page.goto(`${server.address}/ui`)
    await page.getByLabel('Key').fill(await s.key('admin'))
    await page.getByLabel('Key').press('Enter')
    await page.getByLabel('Id of a user').fill('ann')
    await page.getByLabel('Id of a user').press('Enter')
    expect(await heading()).toBe('ann')
    await readable()
    await page.getByRole('link', { name: '1', exact: true }).press('Enter')
    expect(await heading()).toBe('Version 1')
    await page.getByRole('link', { name: 'Keys' }).press('Enter')
    await readable()
    await page.getByRole('button', { name: 'Make' }).press('Enter')
    expect(await page.locator('code').first().textContent()).toMatch(/^bump_/)
  })

  it('nothing was refused by the policy, and nothing foreign was asked for', () => {
    expect(complaints).toEqual([])
  })

  it('axe finds nothing to complain about', async () => {
    const cookies = await phone.cookies()
    // The policy of the pages keeps the checker's script out, too.
    for (const colorScheme of ['light', 'dark'] as const) {
      const context = await browser.newContext({ bypassCSP: true, colorScheme })
      await context.addCookies(cookies)
      const checked = await context.newPage()
      for (const path of [
        '/ui',
        '/ui/users/ann',
        '/ui/users/ann/interactions',
        '/ui/users/ann/versions/1',
        '/ui/keys',
        '/ui/queue',
      ]) {
        await checked.goto(`${server.address}${path}`)
        await checked.addScriptTag({ content: readFileSync(AXE, 'utf8') })
        const { violations } = (await checked.evaluate('axe.run()')) as {
          violations: { id: string; nodes: { html: string }[] }[]
        }
        expect([path, violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`)]).toEqual([path, []])
      }
      await context.close()
    }
  })
})
