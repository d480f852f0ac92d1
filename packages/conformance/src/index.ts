export type { Register } from './register.js';
export { pageAllocatorSuite } from './page-allocator-suite.js';
export type { PageAllocatorAbilities, PageAllocatorFixture } from './page-allocator-suite.js';
export { ReferencePageAllocator } from './reference-page-allocator.js';
export type { ReferencePageAllocatorOptions } from './reference-page-allocator.js';
export { ReferenceSlabAllocator } from './reference-slab-allocator.js';
export type { ReferenceSlabAllocatorOptions } from './reference-slab-allocator.js';
export { slabAllocatorSuite } from './slab-allocator-suite.js';
export type { SlabAllocatorAbilities, SlabAllocatorFixture, SlabAllocatorUnderTest } from './slab-allocator-suite.js';
export { runPageAllocatorModel } from './page-allocator-model.js';
export type { PageAllocatorModelOptions, PageAllocatorModelReport } from './page-allocator-model.js';
export { Random } from './random.js';
export { conform } from './conform.js';
export type { AllocatorName } from './alternative-recording.js';
export type { ConformOptions } from './conform.js';
export type { Conformance, Difference } from './conformance-result.js';
export type { AlternativeMachine, AlternativeUnderTest, BootedPages, DescribedCache, BootRequest, FoundRange, Implementations, IomemRequest, KmallocUnderTest, KvmallocUnderTest, PageAllocatorUnderTest, RecordedCacheCounts, RecordedMachine, RecordedVmAreas, RecordingInput, RowText, VmallocMachine, VmAreasUnderTest } from './implementations.js';
export { isRecordingError, RecordingError } from './recording-error.js';
export { isBuddyinfo, readBuddyinfoMachine } from './buddyinfo-machine.js';
export { readRecordedMachine } from './recorded-machine.js';
export { readBuddyRecording } from './buddy-recording.js';
export type {
  BuddyRecording,
  BuddyStep,
  CheckPoint,
  CheckPointValues,
  Dump,
  PhaseNote,
} from './buddy-recording.js';
export { EVENTS, OPERATIONS } from './buddy-operations.js';
export type { BuddyOperation, EventLetter, OperationCall, OperationLetter, RecordedEvent } from './buddy-operations.js';
export type { SlabCacheUnderTest, SlabMachine } from './implementations.js';
export { replayBuddy } from './buddy-replay.js';
export type { ReplayedStep } from './buddy-replay.js';
export type { BuddyMeta, MachineShape } from './recording-meta.js';
export { isRamTable } from './ram-table.js';
export { SNAPSHOT_TEXTS } from './proc-snapshot.js';
export { mutateBuddyRecording } from './buddy-mutations.js';
export { mutateAlternativeRecording } from './alternative-mutations.js';
export { mutateSlubRecording } from './slub-mutations.js';
export { mutateText } from './mutations.js';
export type { Mutation } from './mutations.js';
export { readSlabCounts } from './slab-counts.js';
export type { KernelRequest, KernelUnderTest, TimersUnderTest } from './kernel-under-test.js';
export { formatSnapshot } from './snapshot-text.js';
export type { SnapshotShape } from './snapshot-text.js';
export { mutateVmallocRecording } from './vmalloc-mutations.js';
export { readVmapAreas } from './vmallocinfo.js';
export { addressRangesSuite } from './address-ranges-suite.js';
export type { AddressRangesFixture } from './address-ranges-suite.js';
export { virtualAllocatorSuite } from './virtual-allocator-suite.js';
export type { VirtualAllocatorFixture, VirtualAllocatorUnderTest } from './virtual-allocator-suite.js';
