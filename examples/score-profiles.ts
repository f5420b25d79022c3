// Score profiles that another product wrote: do they find their own people among others? Each line of the file is
// {"user": …, "profile": …}. The latest interaction of every person is held out; write the profiles without it.
//
//   node score-profiles.js <logs> <profiles> <model>
import { compareProfiles } from 'bump-profiles'

const [logs = 'reviews.parquet', profiles = 'theirs.jsonl', judge = 'HuggingFaceTB/SmolLM2-135M-Instruct'] =
  process.argv.slice(2)

const { tables } = await compareProfiles({
  logs: { paths: [logs], user: 'user', time: 'time', text: 'text' },
  files: [profiles],
  // Beside them: generic text must be at chance, another person's profile too, and the raw history shows what there was.
  kinds: ['generic', 'history', 'mismatched'],
  judgeModel: judge,
  poolSizes: [4],
  out: 'runs/theirs',
})
for (const { label, n, values } of tables[0]!.rows) {
  const { mean, low, high } = values.ndcg_both!
  console.log(`${label}: NDCG ${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}], ${n} people`)
}
