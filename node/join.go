package node

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"musafir/crdt"
	"musafir/node/access"
	"musafir/node/replica"
	"musafir/node/wire"
)

// Errors of joining.
var (
	ErrRefused  = errors.New("refused")
	errImpostor = errors.New("what answered does not know the code: it may be an impostor, or a device of another camp; compare the address with the one that stands beside the code")
)

// A Welcome is what a joining device gets: the camp, and the control logs in which
// it is admitted, or where it may write its admission with the recovery key.
type Welcome struct {
	Camp    crdt.CampID
	Members *access.Camp
	Batches []*replica.Received

	recovery ed25519.PrivateKey // nil: it is admitted
	name     string             // under which it shall be
}

// Join asks the device at the other end of a stream to admit this one.
func Join(ctx context.Context, stream Stream, device ed25519.PrivateKey, code access.Code, name string) (*Welcome, error) {
	self := crdt.DeviceIDOf(device.Public().(ed25519.PublicKey))
	ask := &wire.Knock{Invitation: code.Name(), MAC: code.Request(self, stream.Peer(), name), Name: name}
	got, err := knock(ctx, stream, ask, func(w *wire.Welcome) [sha256.Size]byte {
		return code.MAC("welcome", self, stream.Peer(), w.Camp[:], w.Admission[:])
	})
	if err != nil {
		return nil, err
	}
	if _, ok := got.Members.Member(self); !ok {
		return nil, errors.New("the control logs do not admit this device")
	}
	return got, nil
}

// Recover asks the device at the other end of a stream for the control logs, by the
// camp's recovery key. Settling makes this device a coordinator under the name.
func Recover(ctx context.Context, stream Stream, device, recovery ed25519.PrivateKey, name string) (*Welcome, error) {
	self := crdt.DeviceIDOf(device.Public().(ed25519.PublicKey))
	ask := &wire.Recover{}
	copy(ask.Signature[:], access.SignRecovery(recovery, self, stream.Peer()))
	public := recovery.Public().(ed25519.PublicKey)
	got, err := knock(ctx, stream, ask, func(w *wire.Welcome) [sha256.Size]byte {
		return access.RecoveryMAC(public, self, stream.Peer(), w.Camp)
	})
	if err != nil {
		return nil, err
	}
	if !got.Members.FoundedWith(recovery) {
		return nil, access.ErrNotRecoveryKey
	}
	got.recovery, got.name = recovery, name
	return got, nil
}

// knock sends the first frame of a join stream and takes the answer, which must bear
// that MAC.
func knock(ctx context.Context, stream Stream, ask wire.Frame, mac func(*wire.Welcome) [sha256.Size]byte) (*Welcome, error) {
	defer stream.Reset()
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(joinTimeout)
	}
	stream.SetDeadline(deadline)
	w := &frameWriter{stream: stream}
	if err := errors.Join(w.frame(ask), w.flush()); err != nil {
		return nil, fmt.Errorf("ask to join: %w", err)
	}
	r := bufio.NewReader(stream)
	first, err := wire.Read(r)
	if err != nil {
		return nil, fmt.Errorf("ask to join: %w", err)
	}
	welcome, ok := first.(*wire.Welcome)
	if !ok {
		return nil, unwelcome(first)
	}
	if want := mac(welcome); !hmac.Equal(want[:], welcome.MAC[:]) {
		return nil, errImpostor
	}
	return takeControlLogs(r, welcome)
}

func unwelcome(f wire.Frame) error {
	if bye, ok := f.(*wire.Bye); ok {
		return fmt.Errorf("%w: %s", ErrRefused, bye.Text)
	}
	return fmt.Errorf("ask to join: the other device answered with a %v frame", f.Kind())
}

// takeControlLogs reads the control logs.
func takeControlLogs(r *bufio.Reader, welcome *wire.Welcome) (*Welcome, error) {
	got := &Welcome{Camp: welcome.Camp, Members: access.New(welcome.Camp)}
	v := replica.NewVerifier(welcome.Camp, noLogs{})
	size := 0
	for {
		f, err := wire.Read(r)
		if err != nil {
			return nil, fmt.Errorf("read the control logs: %w", err)
		}
		b, ok := f.(*wire.Batch)
		if !ok {
			break
		}
		if size += b.EntryBytes(); size > joinBytes {
			return nil, fmt.Errorf("the control logs take more than %d bytes", joinBytes)
		}
		batch, err := v.Add(b)
		if err != nil {
			return nil, fmt.Errorf("check the control logs: %w", err)
		}
		if batch == nil {
			continue
		}
		if err := got.take(batch); err != nil {
			return nil, err
		}
	}
	return got, nil
}

func (w *Welcome) take(batch *replica.Received) error {
	for _, a := range batch.Items {
		if err := w.Members.Check(a.At, a.ID, a.Entry); err != nil {
			return fmt.Errorf("check the control logs: %w", err)
		}
		w.Members.Add(a.At, a.ID, a.Entry)
	}
	w.Batches = append(w.Batches, batch)
	return nil
}

// Settle writes the first entries of a device that joined, into the batch of an
// empty store, and commits it: the control logs, and the birth of its own record
// log unless it only reads.
func (w *Welcome) Settle(b replica.Batch, device ed25519.PrivateKey) error {
	now := time.Now().UnixMilli()
	writer := &replica.Writer{Camp: w.Camp, Device: device, Members: access.New(w.Camp), Graph: crdt.Graph{}, Acts: crdt.Graph{}}
	g := replica.NewGroup(b, writer)
	for _, batch := range w.Batches {
		if err := g.Ingest(batch, now); err != nil {
			return fmt.Errorf("store the control logs: %w", err)
		}
	}
	if err := w.begin(g, now); err != nil {
		return fmt.Errorf("begin this device's log: %w", err)
	}
	_, err := g.Commit()
	return err
}

func (w *Welcome) begin(g *replica.Group, now int64) error {
	if w.recovery != nil {
		return g.Recover(w.recovery, w.name, [2][16]byte{incarnation(), incarnation()}, now)
	}
	return g.BeginRecords(incarnation(), now)
}

// noLogs is a store in which nothing is held.
type noLogs struct{}

func (noLogs) Branches() []crdt.Branch                      { return nil }
func (noLogs) EntryID(uint32, uint64) (crdt.EntryID, error) { return crdt.EntryID{}, replica.ErrGap }
func (noLogs) Birth(crdt.LogID) (*crdt.Birth, error)        { return nil, replica.ErrGap }
func (noLogs) Stream([]crdt.Range, func(*crdt.Item) (bool, error)) error {
	return replica.ErrGap
}
