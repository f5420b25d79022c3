// Profiles in a web handler (Hono; with Express it is the same): the generator is opened once and shared by all requests.
//
//   node profiles-in-a-handler.js <run>
import { BumpError, openGenerator } from 'bump-profiles'
import { Hono } from 'hono'

const [run = 'runs/reviews'] = process.argv.slice(2)
const generator = await openGenerator(run)

export const app = new Hono()

// { "history": ["how I pruned my roses", "beans on a trellis"] }, oldest first
app.post('/profile', async (c) => {
  const { history } = await c.req.json<{ history: string[] }>()
  try {
    const { profile, shown, tokens } = await generator.write(history, { signal: c.req.raw.signal })
    return c.json({ profile, shown, tokens, generator: generator.digest })
  } catch (error) {
    if (BumpError.isInstance(error)) return c.json({ code: error.code, message: error.message }, 422)
    throw error
  }
})

// In a product: serve({ fetch: app.fetch, port: 3000 }) of @hono/node-server. Here, one request without a port:
const response = await app.request('/profile', {
  method: 'POST',
  body: JSON.stringify({ history: ['how I pruned my roses', 'beans on a trellis'] }),
})
console.log(response.status, await response.text())
await generator.close()
