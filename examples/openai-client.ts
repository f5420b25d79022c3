// A personal chat with OpenAI's client, by the proxy of bump serve: a base URL and one header. Start the server with
//
//   bump serve --db bump.sqlite --run runs/reviews --upstream https://api.openai.com/v1
//
// with the key of the model server in its OPENAI_API_KEY, and then this:
//
//   npm install bump-profiles openai
//   BUMP_KEY=bump_… node openai-client.js <bump> <user>
import { BumpClient } from 'bump-profiles/client'
import OpenAI from 'openai'

const [url = 'http://127.0.0.1:8080', user = 'u7'] = process.argv.slice(2)
// A server that was started with --no-auth takes any.
const key = process.env.BUMP_KEY ?? 'none'

// What people say and do. Each is stored once, by its id; the profile is written in the background.
const bump = new BumpClient({ url, key })
await bump.addInteractions([{ user, id: 'event-81', text: 'How do I prune roses?' }])
// What they say of their profile holds at once.
const { data: corrections } = await bump.corrections(user)
if (corrections.length === 0) await bump.correct(user, { kind: 'state', text: 'I am a beginner.' })

const openai = new OpenAI({ baseURL: `${url}/openai/v1`, apiKey: key })
const { data: answer, response } = await openai.chat.completions
  .create(
    {
      model: 'gpt-5',
      messages: [
        { role: 'system', content: 'Answer briefly.' },
        { role: 'user', content: 'What could I do on a free Sunday?' },
      ],
    },
    // The user of your session, never one that a request names.
    { headers: { 'x-bump-user': user } },
  )
  .withResponse()
console.log(`profile ${response.headers.get('x-bump-profile')}: ${answer.choices[0]?.message.content}`)
