import { testApi } from './testing/app-suite.ts'
import { serving } from './testing/serving.ts'

testApi(serving)
