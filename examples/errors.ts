// What goes wrong has a stable code to branch on (docs/errors.md); its message is for people.
//
//   node errors.js <model>
import { BumpError, openModel } from 'bump-profiles'

const [model = ''] = process.argv.slice(2)

for (const name of [`${model}/no-such-folder`, model]) {
  try {
    const opened = await openModel(name)
    console.log(`${opened.info.name}: ${opened.info.parameters} parameters`)
    await opened.close()
  } catch (error) {
    if (!BumpError.isInstance(error)) throw error
    console.log(`${error.code}: ${error.message}`)
  }
}
