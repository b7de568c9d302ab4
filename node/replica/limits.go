package replica

// Numbers of a session, in milliseconds and bytes.
const (
	HandshakeMs = 5_000

	beatBusyMs   = 5_000
	beatIdleMs   = 30_000
	silentMs     = 70_000 // a peer not heard for this long is gone
	patienceMs   = 100    // before asking others for what its author is about to send
	stallMs      = 3_000  // a source that sends nothing for this long is not asked before others
	againMs      = 15_000 // it is told our frontier anew, if there is nobody else
	resetPauseMs = 1_000  // between two frontiers of one session, doubled up to
	resetMostMs  = 30_000
	renewEveryMs = 10_000 // until the device has a new key
	rememberMs   = 60_000

	dialledAtOnceMs = 5_000 // two sessions that began within it were dialled at the same time
	shareAfterMs    = 1_000 // without a change before it is noted what both hold
	parkMs          = 400   // that a batch waits for what it builds on

	stillUsedMs = 120_000 // after a device got a new key, until whoever has the old one counts as another

	pushMaxBytes = 128 << 10 // sent unasked
	parkMaxBytes = 1 << 20   // of a session's batches that wait for what they build on
	parkMax      = 64        // of these batches: each commit tries all of them
	trailsMax    = 256       // branches of one log whose way back is shown: of others too much may be sent
	windowBytes  = 1 << 20   // of credit to the source
	maxOffers    = 1 << 16   // heads of a peer that are remembered and we do not hold; more it names again later
	offersOfLog  = 16        // of one log that are remembered
)

// Sizes of batches. A batch is written whole or not at all, since only its end is
// sealed; so it must fit into one commit, behind what may stand there already. It
// costs the bytes of its entries, and for each what the store keeps beside it.
const (
	MaxBatchCost = 288 << 10 // the longest stretch of a log between two seals
	entryBeside  = 128
	lineBeside   = 256       // for the seal of a log or branch in a batch, and its beginning
	groupCost    = 224 << 10 // a commit of more takes no further batch
	commitCost   = groupCost + MaxBatchCost

	frameBytes = 128 << 10 // of entries in a frame, before compression
	sealsMax   = 1024      // a batch with more ends
	missesMax  = 1024      // entries of a batch that a seal may be tried on in vain: each takes 60 us
	passedMax  = 8192      // logs that a session's batches are remembered of, twice; more than may wait to be stored
)
