package wire

import "musafir/crdt"

// Version is the version of the protocol that this package speaks.
const Version = 1

// Limits of a frame. The bytes of a frame are those that its length counts: the
// kind and the body.
const (
	MaxFrameBytes      = crdt.MaxEntryBytes + 64<<10 // the largest entry and what goes with it
	MaxSmallFrameBytes = 128                         // frames that hold nothing long
	MaxProofFrameBytes = MaxProofBytes + 8
	MaxTrailBytes      = 2 << 10
	MaxByeBytes        = 256

	// MaxGreetingBytes is enough for every frame that a device sends before it is
	// known as a member. See [ReadWithin].
	MaxGreetingBytes = MaxProofFrameBytes
)

// Limits of what stands in a frame.
const (
	MaxProgramBytes = 32
	MaxByeTextBytes = 200
	MaxTimeMs       = 1<<48 - 1 // as in a hybrid time
	MaxGrantBytes   = 1 << 30
	MaxProofBytes   = 4 << 10            // packed
	MaxTrailPoints  = 65                 // s-1, s-2, s-4, ... s-2^63, and 0
	MaxHeadsBytes   = MaxFrameBytes - 64 // of heads, packed, in one frame
	MaxPayloadBytes = MaxFrameBytes - 2  // of a batch frame, before compression: all but kind and flags
	MaxFrameEntries = 8192               // in one batch frame, and so the runs
	MaxFrameSeals   = 2048               // in one batch frame
	MaxNameBytes    = crdt.MaxNameBytes  // of a device
	MinZipBytes     = 512                // a smaller payload is not compressed
	invitationChars = 4                  // of a code, which name the invitation
)

// Limits that span frames. The session keeps them, since a frame knows of no other.
const (
	MaxBatchBytes   = 4 << 20   // of entries in all frames of a batch
	MaxBatchEntries = 1 << 16   // in all frames of a batch
	FreeBytes       = 128 << 10 // of entries that may be on their way unasked: not granted, not acknowledged

	ProofWithinMs = 2_000  // from Prove to Proof
	BeatBusyMs    = 5_000  // between beats while work is outstanding
	BeatIdleMs    = 30_000 // and else
)
