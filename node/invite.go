package node

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"musafir/crdt"
	"musafir/node/access"
	"musafir/node/replica"
	"musafir/node/wire"
)

// TooManyWrong is what somebody is told who tried too many wrong codes.
const TooManyWrong = "too many wrong codes were tried from this address: wait a little, then try again"

const (
	joinTimeout = 20 * time.Second
	joinBytes   = 64 << 20 // of control logs, the most that a joiner takes
)

// Invite opens an invitation for one device. Errors: [access.ErrNotCoordinator],
// [access.ErrTooManyInvitations], [ErrStopped].
func (n *Node) Invite(ctx context.Context, role crdt.Role, valid time.Duration) (code access.Code, err error) {
	callErr := n.call(ctx, func() { code, err = n.invite(role, valid) })
	return code, errors.Join(callErr, err)
}

func (n *Node) invite(role crdt.Role, valid time.Duration) (access.Code, error) {
	self, ok := n.writer.Members.Member(n.writer.ID())
	if !ok || self.Role != crdt.RoleCoordinator {
		return "", access.ErrNotCoordinator
	}
	now := n.monotonic()
	for {
		var random [10]byte
		rand.Read(random[:]) // never fails
		code := access.NewCode(random)
		err := n.invites.Open(code, role, now, now+valid.Milliseconds())
		if errors.Is(err, access.ErrNameTaken) { // by chance: one more draw helps
			continue
		}
		if err != nil {
			return "", err
		}
		return code, nil
	}
}

func (n *Node) monotonic() int64 { return time.Since(n.started).Milliseconds() }

// admit serves a join stream: who knows an open invitation's code is admitted.
func (n *Node) admit(ctx context.Context, stream Stream) {
	defer stream.Close()
	if !n.doorstep.enter(stream) {
		stream.Reset()
		return
	}
	defer n.doorstep.leave(stream)
	stream.SetDeadline(time.Now().Add(joinTimeout))
	frame, err := wire.ReadWithin(bufio.NewReader(stream), wire.MaxSmallFrameBytes)
	w := &frameWriter{stream: stream}
	switch f := frame.(type) {
	case *wire.Knock:
		n.admitKnock(ctx, stream, f, w)
	case *wire.Recover:
		err = n.admitRecovery(ctx, stream, f, w)
	default:
		err = errors.Join(err, errTooSoon)
	}
	if err != nil {
		stream.Reset()
		return
	}
	w.flush()
}

func (n *Node) admitKnock(ctx context.Context, stream Stream, knock *wire.Knock, w *frameWriter) {
	from := hostOf(stream.Remote())
	if n.knocks.late(from, time.Now()) {
		w.frame(&wire.Bye{Code: wire.ByeRefused, Text: TooManyWrong})
		return
	}
	if err := n.welcome(ctx, stream.Peer(), knock, w); err != nil {
		if isGuess(err) {
			n.knocks.failed(from, time.Now())
		}
		n.cfg.Log.Info("an attempt to join failed", "invitation", knock.Invitation, "error", err)
		w.frame(&wire.Bye{Code: wire.ByeRefused, Text: refusalText(err)})
	}
}

// admitRecovery gives the control logs to who has the recovery key, and to others not
// a word.
func (n *Node) admitRecovery(ctx context.Context, stream Stream, f *wire.Recover, w *frameWriter) error {
	joiner, writer := stream.Peer(), n.standing.Load()
	if !writer.Members.VerifyRecovery(f.Signature[:], joiner, writer.ID()) {
		return access.ErrNotRecoveryKey // which nobody guesses, so trying is no harm
	}
	mac := access.RecoveryMAC(writer.Members.RecoveryKey(), joiner, writer.ID(), writer.Camp)
	if err := w.frame(&wire.Welcome{MAC: mac, Camp: writer.Camp, More: true}); err != nil {
		return err
	}
	return n.sendControlLogs(ctx, w)
}

// Recover makes this device, which takes part in the camp, a coordinator by the camp's
// recovery key. Errors: [access.ErrNotRecoveryKey], [access.ErrIsCoordinator].
func (n *Node) Recover(ctx context.Context, key ed25519.PrivateKey) error {
	random := [2][16]byte{incarnation(), incarnation()}
	wait, err := n.submit(ctx, &request{done: make(chan struct{}), act: func(g *replica.Group) (crdt.Receipt, error) {
		return crdt.Receipt{}, g.Recover(key, n.name(), random, n.wall())
	}})
	if err == nil {
		_, err = wait()
	}
	return err
}

// name is what this device is called.
func (n *Node) name() string {
	self, _ := n.writer.Members.Member(n.writer.ID())
	return self.Name
}

// hostOf is the part of a multiaddr that names the machine.
func hostOf(remote string) string {
	parts := strings.SplitN(remote, "/", 4)
	return strings.Join(parts[:min(len(parts), 3)], "/")
}

// refusalText helps the person and not somebody who guesses.
func refusalText(err error) string {
	for _, known := range []error{access.ErrExpired, access.ErrNoInvitation, access.ErrWrongCode} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "the device could not be admitted"
}

func (n *Node) welcome(ctx context.Context, joiner crdt.DeviceID, knock *wire.Knock, w *frameWriter) error {
	key, err := joiner.PublicKey()
	if err != nil {
		return err
	}
	var self crdt.DeviceID
	var invitation access.Invitation
	callErr := n.call(ctx, func() {
		self = n.writer.ID()
		invitation, err = n.invites.Try(knock.Invitation, knock.MAC, joiner, self, knock.Name, n.monotonic())
	})
	if err := errors.Join(callErr, err); err != nil {
		return err
	}
	receipt, err := n.Admit(ctx, crdt.Admission{Device: key, Role: invitation.Role, Name: knock.Name})
	if err != nil {
		return err
	}
	camp := n.cfg.Writer.Camp
	mac := invitation.Code.MAC("welcome", joiner, self, camp[:], receipt.Entry[:])
	if err := w.frame(&wire.Welcome{MAC: mac, Camp: camp, Admission: receipt.Entry, More: true}); err != nil {
		return err
	}
	return n.sendControlLogs(ctx, w)
}

// Admit writes an admission.
func (n *Node) Admit(ctx context.Context, a crdt.Admission) (crdt.Receipt, error) {
	random := incarnation()
	wait, err := n.submit(ctx, &request{done: make(chan struct{}), act: func(g *replica.Group) (crdt.Receipt, error) {
		id, err := g.Admit(a, random, n.wall())
		return crdt.Receipt{Entry: id}, err
	}})
	if err != nil {
		return crdt.Receipt{}, err
	}
	return wait()
}

// sendControlLogs sends all control logs, which rest on nothing else.
func (n *Node) sendControlLogs(ctx context.Context, w *frameWriter) error {
	var members *access.Camp
	if err := n.call(ctx, func() { members = n.writer.Members }); err != nil {
		return err
	}
	var ranges []crdt.Range
	for i, b := range n.cfg.Logs.Branches() {
		if l, ok := members.Log(b.Log); ok && l.Kind == crdt.ControlLog {
			ranges = append(ranges, crdt.Range{Branch: uint32(i), From: b.From, To: b.Head.Seq})
		}
	}
	sent, err := replica.Cut(n.cfg.Logs, ranges, joinBytes, func(b *wire.Batch) error { return w.frame(b) })
	if err == nil && sent.More {
		err = fmt.Errorf("the control logs take more than %d bytes", joinBytes)
	}
	if err != nil {
		return err
	}
	return w.frame(&wire.Bye{Code: wire.ByeDone})
}
