import { serving } from './testing/serving.ts'
import { testTenants } from './testing/tenants-suite.ts'

testTenants(serving)
