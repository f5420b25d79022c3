// Personalise a chat completion: the profile goes into the system message of any OpenAI-compatible model.
//
//   node personalise-chat.js <run> <server>
import { openGenerator, openOpenAi } from 'bump-profiles'

const [run = 'runs/reviews', baseUrl = 'http://localhost:8000/v1'] = process.argv.slice(2)

const generator = await openGenerator(run)
const { profile } = await generator.write(['how I pruned my roses', 'beans on a trellis', 'slugs, again'])
await generator.close()

// The key, where the server wants one, is read from OPENAI_API_KEY.
const model = openOpenAi({ baseUrl, model: 'my-model' })
const [answer] = await model.answer(
  [
    [
      { role: 'system', content: `Answer briefly. What is known of the person who asks: ${profile}` },
      { role: 'user', content: 'What could I do on a free Sunday?' },
    ],
  ],
  { maxTokens: 200 },
)
console.log(`profile: ${profile}\nanswer: ${answer}`)
