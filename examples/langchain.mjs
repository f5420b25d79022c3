// Profiles in LangChain.js, in two ways. Start the server with
//
//   bump serve --db bump.sqlite --run runs/reviews --upstream https://api.openai.com/v1
//
// with the key of the model server in its OPENAI_API_KEY, and then this:
//
//   npm install bump-profiles @langchain/openai @langchain/core
//   BUMP_KEY=bump_… node langchain.mjs <bump> <user>
import { HumanMessage, SystemMessage } from '@langchain/core/messages'
import { ChatOpenAI } from '@langchain/openai'
import { BumpClient } from 'bump-profiles/client'

const [url = 'http://127.0.0.1:8080', user = 'u7'] = process.argv.slice(2)
// A server that was started with --no-auth takes any.
const apiKey = process.env.BUMP_KEY ?? 'none'
const question = new HumanMessage('What could I do on a free Sunday?')

// Through the proxy, which puts the profile at the end of the first system message. The user is that of your session,
// never one that a request names.
const personal = new ChatOpenAI({
  model: 'gpt-5',
  apiKey,
  configuration: { baseURL: `${url}/openai/v1`, defaultHeaders: { 'x-bump-user': user } },
})
const { content } = await personal.invoke([new SystemMessage('Answer briefly.'), question])
console.log(`by the proxy: ${content}`)

// With any chat model of LangChain: the profile is read, and stands in the system message. Read it for every call; the
// client is sent it again only where it has changed. Here it goes to the same server, which is told to add none.
const bump = new BumpClient({ url, key: apiKey })
const profile = await bump.profileBlock(user)
const any = new ChatOpenAI({
  model: 'gpt-5',
  apiKey,
  configuration: { baseURL: `${url}/openai/v1`, defaultHeaders: { 'x-bump-profile': 'off' } },
})
const answer = await any.invoke([new SystemMessage(`Answer briefly.\n\n${profile}`), question])
console.log(`by the client: ${answer.content}`)
