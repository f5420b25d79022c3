import { expect, it } from 'vitest'
import { BumpError } from '../../util/errors.ts'
import { chooseDevice, type DeviceRequest } from './device.ts'

it('auto is CUDA where it works, else the processor, and says why', async () => {
  const { device, why } = await chooseDevice('auto')
  expect(why).toMatch(device === 'cuda' ? /^cuda, which works here$/ : /^cpu; no cuda \(.+\)$/)
})

it.each<DeviceRequest>(['webgpu', 'cuda'])(
  '%s works here, or is refused with the reason and what it needs',
  async (asked) => {
    const outcome = await chooseDevice(asked).catch((error: unknown) => error)
    if (outcome instanceof Error) {
      expect(outcome).toBeInstanceOf(BumpError)
      expect(outcome.message).toMatch(new RegExp(`^the device ${asked} does not work here: .+ It needs an? .*GPU`))
    } else expect(outcome).toEqual({ device: asked, why: `${asked}, as asked for` })
  },
)
