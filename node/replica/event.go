package replica

import (
	"musafir/crdt"
	"musafir/node/wire"
)

// An Event is something that happened. Now is the time of a clock that only goes
// forward, in milliseconds; Wall the device's own time, in milliseconds since 1970.
type Event struct {
	Now  int64
	Wall int64
	What any // Opened, Framed, Underway, Arrival, BadInput, Streamed, Closed, Twin, Committed, Stopping or Tick
}

// Session numbers a stream to another device; no two streams of a process share
// one.
type Session uint64

// Opened: a stream to a device whose key the connection has proven.
type Opened struct {
	Session Session
	Peer    crdt.DeviceID
	Inbound bool
	Remote  string // its address
}

// Framed: a frame came, a Batch apart.
type Framed struct {
	Session Session
	Frame   wire.Frame
}

// Underway: a part of a batch came.
type Underway struct {
	Session Session
}

// Arrival: a whole batch came and was verified; or, with Gap, one that goes on from
// what is not held here.
type Arrival struct {
	Session Session
	Batch   *Received
	Gap     bool
	Bytes   int
}

// BadInput: the peer broke a rule.
type BadInput struct {
	Session Session
	Err     error
}

// Streamed: a stream of entries that was asked for is out.
type Streamed struct {
	Session Session
	Epoch   int // of the Stream
	Sent    Sent
}

// Closed: the stream is gone.
type Closed struct {
	Session Session
	Err     error // nil if it ended as it should
}

// Twin: another process, elsewhere, has proven that it has the key of that id, which
// was this device's.
type Twin struct{ Of crdt.DeviceID }

// Committed: something was written durably, or a batch was refused.
type Committed struct {
	Writer   *Writer // as it is now
	Branches []crdt.Branch
	Batches  []Outcome
}

// Outcome is what became of a batch.
type Outcome struct {
	Session Session
	Batch   *Received
	Err     error
}

// Tick: time has passed; at least once a second.
type Tick struct{}

// Stopping: the device is about to end; what is known of others is to be remembered.
type Stopping struct{}

// Effects are what an event asks for, in this order.
type (
	// Send puts a frame on the session's stream.
	Send struct {
		Session Session
		Frame   wire.Frame
	}
	// Stream cuts ranges into batches and sends them, until the budget of bytes is
	// used up; Streamed tells how far it came.
	Stream struct {
		Session Session
		Epoch   int // grows when the peer begins anew
		Ranges  []crdt.Range
		Budget  int
	}
	// Ingest writes a batch; Committed tells what became of it.
	Ingest struct {
		Session Session
		Batch   *Received
	}
	// End says goodbye, unless it is silent, and closes the stream.
	End struct {
		Session Session
		Bye     wire.Bye
		Silent  bool
	}
	// Trusted: the peer has proven that it is admitted.
	Trusted struct {
		Session Session
	}
	// Renew: this device was cloned or restored from an old copy; it needs a new
	// key and a new log.
	Renew struct{}
	// Remember stores what is known of a device, at leisure.
	Remember struct {
		Peer  crdt.DeviceID
		State []byte
	}
)
