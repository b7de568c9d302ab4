package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"musafir/crdt"
	"musafir/discovery"
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
		Use:   "join CODE",
		Short: "Join a camp with a code that a coordinator's `musafir invite` gave",
		Long: `Join a camp with a code that a coordinator's "musafir invite" gave, on a device
that holds no records yet. The device that made the code is found in the local
network; where that cannot be, name its address. In place of CODE it takes the text of
the QR code, which names the addresses too.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			t, err := parseTicket(strings.Join(args, " ")) // a code is often read out in parts
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
	path := a.dataDir()
	if a.dial(ctx, path) != nil {
		return a.explainRunning(path, store.ErrInUse)
	}
	dir, err := a.openFree(ctx, path)
	if err != nil {
		return err
	}
	w, err := a.enter(ctx, dir, &search{
		at: t.peers, key: t.code.FindKey(), hint: joinHint,
		ask: func(ctx context.Context, s node.Stream) (*node.Welcome, error) {
			return node.Join(ctx, s, dir.Device, t.code, name)
		},
		looking: "Looking for the device that made this code", none: "none has an open invitation of that code",
		remedy: "Is the code right, and still good? Each is for one device and a short time: make a new one with musafir invite.",
	})
	if err != nil {
		return err
	}
	return a.sayJoined(w.Members.Name(), name, path)
}

// enter finds a device that lets this one in, and makes it one of the camp. It closes
// the directory.
func (a *app) enter(ctx context.Context, dir *store.Dir, s *search) (*welcome, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	w, err := a.knock(ctx, dir, s)
	if err != nil {
		return nil, errors.Join(err, giveUp(dir))
	}
	a.sayLeft(dir)
	if dir, err = leaveCamp(dir, *a.known); err != nil {
		return nil, err
	}
	if err := errors.Join(settle(dir, w), dir.Close()); err != nil {
		return nil, fmt.Errorf("store what the camp sent: %w", err)
	}
	return w, nil
}

// giveUp closes a directory from which no camp was entered. One that was made for it goes,
// with the lock that somebody chose for it.
func giveUp(dir *store.Dir) error {
	unused := dir.Identity() == (store.Identity{})
	if err := dir.Close(); err != nil || !unused {
		return err
	}
	_, _, err := removeOurs(dir.Path)
	return err
}

// sayLeft tells of a camp that is about to be left for another one.
func (a *app) sayLeft(dir *store.Dir) {
	if first, err := dir.Birth(crdt.LogID(dir.Identity().Camp)); err == nil {
		a.say("The camp %q, which has nothing in it, is left; its recovery key is of no use any more.", first.Founding.Camp)
	}
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

// A search is a join that looks for a device that lets this one in.
type search struct {
	at   []string // addresses that were given
	key  []byte   // opens the notices of those to ask; nil: whoever answers is asked
	ask  func(context.Context, node.Stream) (*node.Welcome, error)
	hint func(error) string

	// In words: what is done, and what those who answer lack.
	looking, none, remedy string

	net    node.Network
	finder *discovery.Finder
	heard  chan *door
	say    func(format string, args ...any)

	given []error // of addresses that were given
	unmet string  // where the device was heard that was not reached, and why
}

const (
	heardMax    = 16              // notices that wait to be tried
	afterTyped  = 8 * time.Second // of looking, when nobody answered at the addresses given
	againAfter  = 2 * time.Second // at the same place
	networkless = 3 * time.Second // without any network, before the search ends
)

// knock finds a device that lets this one in, and asks it: at the addresses given, and
// at those of devices heard that the key opens. It knocks nowhere else: a knock shows
// this device's name and which invitation it has. (Without a key it shows nothing.)
func (a *app) knock(ctx context.Context, dir *store.Dir, s *search) (*welcome, error) {
	net, err := openNetwork(dir.Device, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer net.Close()
	doors, err := doorsOf(s.at)
	if err != nil {
		return nil, err
	}
	s.net, s.say, s.heard = net, a.say, make(chan *door, heardMax)
	s.finder = discovery.New(s.ears())
	looking, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	if len(doors) == 0 || forLAN(s.at) {
		wg.Go(func() { _ = s.finder.Run(looking) }) // what it cannot do is in its report
	}
	for _, d := range doors {
		if w, err := s.try(ctx, d); err == nil || !errors.Is(err, errNobody) {
			return w, err
		}
	}
	return s.look(ctx, len(doors) > 0)
}

// ears are what the search listens with.
func (s *search) ears() discovery.Config {
	if s.key == nil {
		return discovery.Config{Stranger: func(at netip.Addr) {
			addr := netip.AddrPortFrom(at, transport.DefaultPort).String()
			if parsed, err := transport.ParseAddr(addr); err == nil {
				s.take(&door{addrs: parsed.Addrs, typed: addr, heard: true})
			}
		}}
	}
	return discovery.Config{Open: func() [][]byte { return [][]byte{s.key} }, Heard: func(h discovery.Heard) {
		if addrs := h.Multiaddrs(); len(addrs) > 0 {
			s.take(&door{id: h.Device, addrs: addrs, typed: addrs[0], heard: true})
		}
	}}
}

// take hands on a device that was heard; while others wait it will be heard again.
func (s *search) take(d *door) {
	select {
	case s.heard <- d:
	default:
	}
}

// try knocks at a door; errNobody means that the search may go on.
func (s *search) try(ctx context.Context, d *door) (*welcome, error) {
	w, err := d.knock(ctx, s)
	if errors.Is(err, errNobody) {
		s.missed(d, err)
	} else if err != nil {
		err = withHint(err, "%s", s.hint(err))
	}
	return w, err
}

// missed takes note of a door at which nobody was reached.
func (s *search) missed(d *door, err error) {
	if !d.heard {
		s.given = append(s.given, err)
		return
	}
	if errors.Is(err, errElsewhere) {
		return
	}
	where := d.typed
	if p, ok := parsePlace(d.typed); ok {
		where = p.at.Addr().String()
	}
	s.unmet = where
}

// look tries whoever is heard. With addresses given it does so for a short time only.
func (s *search) look(ctx context.Context, given bool) (*welcome, error) {
	if given {
		if !forLAN(s.at) {
			return nil, s.gaveUp(ctx)
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, afterTyped)
		defer cancel()
	}
	if !given {
		s.say("%s, for at most %s ...", s.looking, joinTimeout)
	}
	alone := time.NewTimer(networkless)
	defer alone.Stop()
	tried := map[string]time.Time{}
	for {
		select {
		case <-alone.C:
			if !s.hasNetwork() {
				return nil, withHint(errors.New("this device is in no network"), "Join the Wi-Fi or plug in the cable first. musafir doctor says more.")
			}
		case d := <-s.heard:
			place := strings.Join(d.addrs, " ")
			if time.Since(tried[place]) < againAfter {
				continue
			}
			tried[place] = time.Now()
			if w, err := s.try(ctx, d); err == nil || !errors.Is(err, errNobody) {
				return w, err
			}
		case <-ctx.Done():
			return nil, s.gaveUp(ctx)
		}
	}
}

// gaveUp says what the search found instead.
func (s *search) gaveUp(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return errInterrupted
	}
	if s.unmet != "" {
		return withHint(fmt.Errorf("a device was heard at %s, but the call to it does not get through", s.unmet),
			"Most likely a firewall is in between: on both devices, let it pass TCP and UDP port 7668. musafir doctor says more.")
	}
	if len(s.given) > 0 {
		err := errors.Join(s.given...)
		return withHint(err, "%s", s.hint(err))
	}
	strangers := 0
	for _, i := range s.finder.Report().Interfaces {
		strangers += i.Strangers
	}
	if strangers > 0 {
		return withHint(errors.New("devices with musafir answer in this network, but "+s.none), "%s", s.remedy)
	}
	return withHint(errors.New("no device with musafir was heard in this network"),
		"Is musafir up on the other device, in the same network? If the network keeps devices apart, name its address: --peer %s", likely())
}

// hasNetwork tells whether there is any way to others.
func (s *search) hasNetwork() bool {
	r := s.finder.Report()
	return r.Err != "" || slices.ContainsFunc(r.Interfaces, func(i discovery.InterfaceReport) bool { return i.Unusable == "" })
}

// likely is an example of an address: that of the network's router or hotspot, where
// there is one.
func likely() string {
	if g := gateways(); len(g) > 0 {
		return "HOST, such as --peer " + g[0] + " if it is the hotspot"
	}
	return "HOST"
}

// joinHint is what to do about a join that failed.
func joinHint(err error) string {
	switch {
	case errors.Is(err, errNobody):
		return "Is musafir up there, in the same network, and is the address right? There, musafir up and musafir status say where it is reached."
	case strings.Contains(err.Error(), node.TooManyWrong):
		return "It is kept shut after each further try. If it was not you, somebody is guessing codes."
	case errors.Is(err, node.ErrRefused):
		return "Make a new code there: musafir invite. Each is good for one device, and for a short time."
	}
	return "Try again, with a new code: musafir invite, on a coordinator's device."
}

// A door is one device to join at.
type door struct {
	id    crdt.DeviceID // "" where only the address is known
	addrs []string      // multiaddrs
	heard bool          // there, by what the code opens
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

func (d *door) knock(ctx context.Context, s *search) (*welcome, error) {
	stream, err := d.open(ctx, s.net)
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, errInterrupted
		}
		return nil, fmt.Errorf("%w at %s: %s", errNobody, d.typed, whyNot(err))
	}
	defer context.AfterFunc(ctx, func() { stream.Reset() })()
	w, err := s.ask(ctx, stream)
	if errors.Is(err, errElsewhere) {
		return nil, fmt.Errorf("%w at %s", err, d.typed)
	}
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
	a.warnShort(*a.known)
	_, err := fmt.Fprintf(a.out, "This device is %q in the camp %q. Its data is in %s, encrypted. %s\n\nNext: musafir up\n", name, camp, path, a.opensWith(path))
	return err
}
