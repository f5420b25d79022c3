import { expect, it } from 'vitest'
import { testApi } from './testing/app-suite.ts'
import { serving } from './testing/serving.ts'

testApi(serving)

it('without keys answers to the names of this machine, and to no page of another origin', async () => {
  const never = { createdAt: 0, expiresAt: undefined, revokedAt: undefined, lastUsedAt: undefined }
  const open = await serving({ everybody: { id: 'all', project: 'a', role: 'admin', user: undefined, ...never } })
  const status = async (address: string, method = 'GET', headers = {}) =>
    (await open.call(undefined, method, address, undefined, headers)).status
  const paths = ['/', '/healthz', '/readyz', '/metrics', '/openapi.json', '/ui', '/me', '/v1/users', '/mcp']
  for (const path of [...paths, '/openai/v1/models']) {
    for (const host of ['evil.test', 'localhost.evil.test', '127.0.0.1.evil.test', '10.0.0.1'])
      expect(await status(`http://${host}:8080${path}`), `${host} ${path}`).toBe(403)
    for (const host of ['127.0.0.1', '127.1.2.3', 'localhost', '[::1]'])
      expect(await status(`http://${host}:8080${path}`), `${host} ${path}`).not.toBe(403)
  }
  // A form of any page sends this without asking.
  const [refresh, own] = ['http://localhost/v1/users/nobody/profile/refresh', { origin: 'http://localhost' }]
  expect(await status(refresh, 'POST', own)).toBe(404)
  for (const origin of ['http://evil.test', 'http://localhost:81', 'null'])
    expect(await status(refresh, 'POST', { origin }), origin).toBe(403)
  await open.close()

  const keyed = await serving()
  expect((await keyed.call(undefined, 'GET', 'http://bump.test/healthz')).status).toBe(200)
  await keyed.close()
})
