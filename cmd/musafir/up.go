package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"musafir/node/access"
	"musafir/node/api"
	"musafir/store"
)

const defaultHTTP = "127.0.0.1:7667"

func (a *app) upCommand() *cobra.Command {
	var at apiAddress
	var to reach
	var verbose, discover bool
	c := &cobra.Command{
		Use:   "up",
		Short: "Run the device in the foreground until Ctrl-C",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := errors.Join(to.check(), checkCopies(to.copies), at.check()); err != nil {
				return err
			}
			if !c.Flags().Changed("listen") {
				to.listen = possible(defaultListen)
			}
			to.quiet = !discover
			return a.up(c.Context(), at, to, verbose)
		},
	}
	c.Flags().StringVar(&at.text, "http", defaultHTTP, "`HOST:PORT` of the API; port 0 takes a free one")
	c.Flags().BoolVar(&at.open, "http-open", false, "let --http be an address of the network, unencrypted: everybody in it can read along")
	c.Flags().StringArrayVar(&to.listen, "listen", defaultListen, "`MULTIADDR` for other devices, such as /ip4/0.0.0.0/tcp/7668; may be given several times")
	c.Flags().StringArrayVar(&to.dial, "peer", nil, "`ADDR` of another device: HOST, HOST:PORT or a multiaddr; may be given several times")
	c.Flags().BoolVar(&discover, "discover", true, "find devices of the camp on the local network, and be found by them; --discover=false leaves only addresses")
	c.Flags().StringVar(&to.phones, "phones", "", "`HOST:PORT` on which phones with the Hikma Health app are served, such as "+defaultPhones+"; port 0 takes a free one")
	c.Flags().IntVar(&to.copies, "copies", 1, "`N` devices hold what a phone sends before the phone is told that it arrived, this one included")
	c.Flags().BoolVar(&verbose, "verbose", false, "log each request, without its contents")
	return c
}

// copiesMax is how many devices may have to hold what a phone sends.
const copiesMax = 16

func checkCopies(n int) error {
	if n < 1 || n > copiesMax {
		return usage(fmt.Errorf("--copies %d is no number of devices from 1 to %d", n, copiesMax))
	}
	return nil
}

func (a *app) up(ctx context.Context, at apiAddress, to reach, verbose bool) error {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelInfo
	}
	log := slog.New(slog.NewTextHandler(a.errs, &slog.HandlerOptions{Level: level}))
	dir := a.dataDir()
	d, err := a.openOrFound(ctx, dir, to, log)
	if err != nil {
		return err
	}
	return errors.Join(a.serve(ctx, d, dir, at, log), d.Close())
}

// open opens the device.
func (a *app) open(ctx context.Context, dir string, to reach, log *slog.Logger) (d *device, err error) {
	err = a.unlock(ctx, dir, func(lock store.Lock) error {
		d, err = openDevice(dir, lock, to, log)
		return err
	})
	if errors.Is(err, store.ErrInUse) && a.dial(ctx, dir) != nil {
		return nil, a.explainRunning(dir, err)
	}
	return d, explainOpen(dir, err)
}

// openOrFound opens the device; on an empty directory it makes a camp first.
func (a *app) openOrFound(ctx context.Context, dir string, to reach, log *slog.Logger) (*device, error) {
	d, err := a.open(ctx, dir, to, log)
	if !errors.Is(err, store.ErrNoCamp) {
		return d, err
	}
	camp, name := "My camp", hostName()
	lock, _, err := a.lock(ctx, dir)
	if err != nil {
		return nil, err
	}
	f, err := found(dir, lock, camp, name, log)
	if err != nil {
		return nil, explainOpen(dir, err)
	}
	a.say("There was no camp in %s, so one was made: %q, with this device, %q.", dir, camp, name)
	a.say("Recovery key, shown only now; write it on paper:\n  %s", access.RecoveryCode(f.Recovery))
	a.say("For names of your own make another: musafir --data DIR init --camp NAME --device NAME")
	a.say("To be a device of a camp that there is, stop this with Ctrl-C and type: musafir join CODE")
	return openDevice(dir, lock, to, log)
}

func (a *app) explainRunning(dir string, err error) error {
	r, readErr := readRunFile(dir)
	if readErr != nil {
		return explainOpen(dir, err)
	}
	return withHint(fmt.Errorf("musafir runs on %s already (process %d, %s)", dir, r.PID, r.HTTP),
		"Use it as it is, or stop it first: kill %d", r.PID)
}

func (a *app) serve(ctx context.Context, d *device, dir string, at apiAddress, log *slog.Logger) error {
	if _, err := apiToken(dir); err != nil {
		return err
	}
	data, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", at.text)
	if err != nil {
		return explainListen(at.text, err)
	}
	run := &runFile{HTTP: "http://" + fromHere(l.Addr()), Listen: d.addrs(), PID: os.Getpid(), Data: data}
	moved := func(url string) error { return run.movePhones(dir, url) }
	if run.Phones, err = d.phones.begin(d.reach.phones, moved); err != nil {
		return errors.Join(explainDoor(d.reach.phones, err), l.Close())
	}
	apps := &appReader{dir: dir, log: log}
	s := newService(d, api.Config{Token: tokenOf(dir), Apps: apps.read, Log: log, Hosts: at.hosts(), Open: isOpen(l.Addr())})
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx, l) }()
	if err := run.write(dir); err != nil {
		return errors.Join(err, l.Close(), <-ended)
	}
	defer os.Remove(filepath.Join(dir, runName))
	_, campName := d.Camp()
	_, name, _ := d.Self()
	a.say("Device %q of camp %q is up: %s", name, campName, run.HTTP)
	if places := reachedAt(run.Listen); places != "" {
		a.say("Other devices reach it at %s.", places)
	}
	if run.Phones != "" {
		a.sayDoor(run.Phones)
	}
	if isOpen(l.Addr()) {
		a.say("WARNING: %s", api.OpenAdvice)
	}
	a.say("The API's token is in %s. Stop with Ctrl-C.", filepath.Join(dir, tokenName))
	err = <-ended
	a.say("Stopped; everything written is on disk.")
	return err
}

// tokenOf reads the token for each request: it may have been replaced meanwhile.
func tokenOf(dir string) func() string {
	return func() string {
		token, err := readToken(dir)
		if err != nil {
			return "" // lets nobody in
		}
		return token
	}
}

// sayDoor says where phones reach the device.
func (a *app) sayDoor(url string) {
	a.say("Phones reach it at %s; musafir phone shows the QR code.", url)
	if isNearOnly(url) {
		a.say("WARNING: no phone does: only this machine reaches that address. %s", nearOnlyHint)
	}
}

const nearOnlyHint = "Connect it to the phones' network, or name an address of it: musafir phone --listen HOST:PORT"

// explainDoor says what to do where phones cannot be served. address is where they were
// to be; "": where it was said for good.
func explainDoor(address string, err error) error {
	switch {
	case !errors.Is(err, errPhonePlace):
		return err
	case address == "":
		return withHint(err, "They are since somebody said so with musafir phone; musafir phone off ends that.")
	}
	return withHint(err, "Choose another place: --phones 0.0.0.0:0 takes a free port.")
}

func explainListen(address string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return withHint(fmt.Errorf("%s is in use by another program", address), "Choose another port: musafir up --http 127.0.0.1:0 takes a free one.")
	}
	return usage(fmt.Errorf("listen on %s: %w", address, err))
}
