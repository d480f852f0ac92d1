export { attachFrameTable, createFrameTable, FRAME_BYTES, frameTableBytes } from './frame-table.js';
export type { FrameTableOptions } from './frame-table.js';
export {
  clearPageFlag,
  compoundHead,
  compoundOrder,
  isCompound,
  pageCount,
  pageFlagNames,
  pageTypeWord,
  setPageFlag,
  testPageFlag,
} from './page.js';
export { createMemory, SPARSE_PIECE_BYTES, wrapMemory } from './physical-memory.js';
export type { MemoryOptions, WasmMemoryLike } from './physical-memory.js';
export { countPages, innerPages, intersectRanges, normalizeRanges, outerPages, subtractRanges } from './memory-map.js';
export type { ByteRange } from './memory-map.js';
export { layoutZones } from './zones.js';
export type { Arch, NodeMemory, ZoneLayoutOptions } from './zones.js';
export type { AddressRegions, MachineProfile, MemoryResource, ProfileNode, ReservedRange } from './machine-profile.js';
export { pcMemory } from './profiles/pc-memory.js';
export type { PcMemory, PcMemoryOptions } from './profiles/pc-memory.js';
export { recordedPc } from './profiles/recorded-pc.js';
export type { RecordedPcOptions } from './profiles/recorded-pc.js';
export { identityProfile } from './profiles/synthetic.js';
export type { IdentityOptions } from './profiles/synthetic.js';
export { getProfile, profileNames } from './profiles.js';
export { iomemRows } from './iomem.js';
export { describeMachine } from './machine.js';
export type { MachineDescription } from './machine.js';
export { AddressMap } from './address.js';
export type { AddressProfile } from './address.js';
export { InterruptController } from './devices/interrupt-controller.js';
export type { InterruptControllerOptions } from './devices/interrupt-controller.js';
export { ScriptedDevice } from './devices/scripted-device.js';
export type { DeviceEvent, ScriptedDeviceOptions } from './devices/scripted-device.js';
export { createEngine } from './execution/engine.js';
export type { Engine, EngineOptions } from './execution/engine.js';
export { createMmu } from './mmu/create-mmu.js';
export type { MmuParts } from './mmu/create-mmu.js';
export { LinearMmu } from './mmu/linear-mmu.js';
export type { LinearMmuOptions } from './mmu/linear-mmu.js';
export { formatOops } from './mmu/page-fault.js';
export type { AccessKind, PageFault, PageFaultKind } from './mmu/page-fault.js';
export { PageTables, TABLE_SHAPES } from './mmu/page-tables.js';
export type { PageTablesOptions, TableShape } from './mmu/page-tables.js';
export { Tlb } from './mmu/tlb.js';
export type { TlbCounts, TlbOptions } from './mmu/tlb.js';
export { VirtualMemory } from './mmu/virtual-memory.js';
export type { VirtualMemoryOptions, WordBytes } from './mmu/virtual-memory.js';
