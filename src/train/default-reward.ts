export { bidirectionalReward } from '../reward/bidirectional.ts'
