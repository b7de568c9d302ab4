package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"musafir/crdt"
	"musafir/node"
	"musafir/node/replica"
	"musafir/node/transport"
	"musafir/store"
)

const joinTimeout = 40 * time.Second

func (a *app) joinCommand() *cobra.Command {
	var name string
	var peers []string
	c := &cobra.Command{
		Use:   "join CODE --peer ADDR",
		Short: "Join a camp with a code that a coordinator's `musafir invite` gave",
		Long: `Join a camp with a code that a coordinator's "musafir invite" gave, on a device
that holds no records yet. In place of CODE it takes the text of the QR code, which
names the addresses too.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			t, err := parseTicket(args[0])
			if err != nil {
				return usage(err)
			}
			t.peers = append(peers, t.peers...)
			if err := errors.Join(reach{dial: peers}.check(), crdt.ValidateName("device name", name)); err != nil {
				return usage(err)
			}
			return a.join(c.Context(), t, name)
		},
	}
	c.Flags().StringVar(&name, "device", hostName(), "`NAME` of this device")
	c.Flags().StringArrayVar(&peers, "peer", nil, "`ADDR` of the device that invites: HOST, HOST:PORT or a multiaddr; may be given several times")
	return c
}

func (a *app) join(ctx context.Context, t ticket, name string) error {
	if len(t.peers) == 0 {
		return usage(withHint(errors.New("no address to join at"), "Name the device that made the code: --peer HOST"))
	}
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	path := a.dataDir()
	if a.dial(ctx, path) != nil {
		return a.explainRunning(path, store.ErrInUse)
	}
	dir, err := openFree(path)
	if err != nil {
		return explainOpen(path, err)
	}
	w, err := knock(ctx, dir, t, name)
	if err != nil {
		return errors.Join(err, dir.Close())
	}
	if dir, err = leaveCamp(dir); err != nil {
		return err
	}
	if err := errors.Join(settle(dir, w), dir.Close()); err != nil {
		return fmt.Errorf("store what the camp sent: %w", err)
	}
	return a.sayJoined(w.Members.Name(), name, path)
}

// A welcome is what a joining device got, and from whom.
type welcome struct {
	*node.Welcome
	by crdt.DeviceID
	at string // where it answered
}

// settle writes the first entries of the device in its new camp, and where to find
// the device that welcomed it.
func settle(dir *store.Dir, w *welcome) error {
	batch := dir.Begin()
	batch.SetIdentity(store.Identity{Camp: w.Camp})
	batch.SetPeer(w.by, replica.Remembered(w.at))
	return w.Settle(batch, dir.Device)
}

// knock asks at each address in turn to be admitted.
func knock(ctx context.Context, dir *store.Dir, t ticket, name string) (*welcome, error) {
	net, err := openNetwork(dir.Device, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer net.Close()
	doors, err := doorsOf(t.peers)
	if err != nil {
		return nil, err
	}
	var all []error
	for _, d := range doors {
		w, err := d.knock(ctx, net, dir, t, name)
		if err == nil {
			return w, nil
		}
		all = append(all, err)
		if !errors.Is(err, errNobody) {
			break // one use: the next address would not know better
		}
	}
	return nil, withHint(errors.Join(all...), "%s", joinHint(all[len(all)-1]))
}

// joinHint is what to do about a join that failed.
func joinHint(err error) string {
	switch {
	case errors.Is(err, errNobody):
		return "Is musafir up there, in the same network, and is the address right? There, musafir up and musafir status say where it is reached."
	case errors.Is(err, node.ErrRefused):
		return "Make a new code there: musafir invite. Each is good for one device, and for a short time."
	}
	return "Try again, with a new code: musafir invite, on a coordinator's device."
}

// A door is one device to join at.
type door struct {
	id    crdt.DeviceID // "" where only the address is known
	addrs []string      // multiaddrs
	typed string        // the first of its addresses, as it was given
}

// doorsOf puts the addresses of one device together, to be dialled at once.
func doorsOf(peers []string) (doors []*door, err error) {
	for _, text := range peers {
		addr, err := transport.ParseAddr(text)
		if err != nil {
			return nil, usage(fmt.Errorf("--peer: %w", err))
		}
		i := slices.IndexFunc(doors, func(d *door) bool { return addr.ID != "" && d.id == addr.ID })
		if i >= 0 {
			doors[i].addrs = append(doors[i].addrs, addr.Addrs...)
			continue
		}
		doors = append(doors, &door{id: addr.ID, addrs: addr.Addrs, typed: text})
	}
	return doors, nil
}

// errNobody says that no device of ours was reached at an address.
var errNobody = errors.New("nobody answers")

// doorTimeout leaves time for the other addresses.
const doorTimeout = 10 * time.Second

func (d *door) knock(ctx context.Context, net node.Network, dir *store.Dir, t ticket, name string) (*welcome, error) {
	stream, err := d.open(ctx, net)
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, errInterrupted
		}
		return nil, fmt.Errorf("%w at %s: %s", errNobody, d.typed, whyNot(err))
	}
	defer context.AfterFunc(ctx, func() { stream.Reset() })()
	w, err := node.Join(ctx, stream, dir.Device, t.code, name)
	if err != nil {
		return nil, explainJoin(ctx, d.typed, err)
	}
	at := stream.Remote()
	if p, ok := parsePlace(at); ok && p.quic {
		at += "/p2p/" + string(stream.Peer()) // only TCP can be asked who is there
	}
	return &welcome{Welcome: w, by: stream.Peer(), at: at}, nil
}

func explainJoin(ctx context.Context, at string, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return errInterrupted
	case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the device at %s was reached, but gave no answer within %s", at, joinTimeout)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the device at %s was reached, but hung up without an answer", at)
	}
	return fmt.Errorf("the device at %s: %w", at, err)
}

func (d *door) open(ctx context.Context, net node.Network) (node.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, doorTimeout)
	defer cancel()
	id := d.id
	if id == "" {
		var err error
		if id, err = net.Whois(ctx, d.typed); err != nil {
			return nil, err
		}
	}
	return net.Open(ctx, id, d.addrs, node.JoinProtocol)
}

func (a *app) sayJoined(camp, name, path string) error {
	if a.json {
		return a.printJSON(map[string]any{"camp": map[string]string{"name": camp}, "device": map[string]string{"name": name}})
	}
	_, err := fmt.Fprintf(a.out, "This device is %q in the camp %q. Its data is in %s.\n\nNext: musafir up\n", name, camp, path)
	return err
}
