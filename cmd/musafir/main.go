package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra" // commands, flags, help and shell completion

	"musafir/crdt"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // wrong arguments or wrong input
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program but for the process around it.
func run(args []string, in io.Reader, out, errs io.Writer) int {
	privateFiles()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	setMemoryLimit()
	app := &app{in: in, out: out, errs: errs}
	root := app.command()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	app.explain(err)
	if isUsage(err) {
		return exitUsage
	}
	return exitFailed
}

// app is what all subcommands share: where they read and write, and the flags of
// the root command.
type app struct {
	in        io.Reader
	out, errs io.Writer
	data      string
	json      bool
	author    string
	unlocking
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "musafir",
		Short: "Records that merge by themselves, with no internet and no server",
		Long: `Musafir keeps records on every device of a team. Each device can be used alone;
what was written apart is merged when devices meet. Nothing acknowledged is lost.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.errs)
	flags := root.PersistentFlags()
	flags.StringVar(&a.data, "data", "", "data `DIR`; else $MUSAFIR_DATA, else "+cmp.Or(defaultDataDir(), "none: there is no home"))
	flags.BoolVar(&a.json, "json", false, "print the API's JSON document")
	a.flags(root)
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if a.dataDir() == "" {
			return usage(errors.New("there is no home directory to keep data in: name one with --data DIR"))
		}
		return a.check()
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	root.AddCommand(
		a.initCommand(), a.joinCommand(), a.upCommand(), a.demoCommand(), a.benchCommand(),
		a.inviteCommand(), a.devicesCommand(), a.peersCommand(), a.tokenCommand(),
		a.putCommand(), a.getCommand(), a.listCommand(), a.deleteCommand(), a.undeleteCommand(),
		a.historyCommand(), a.conflictsCommand(), a.resolveCommand(),
		a.importCommand(), a.exportCommand(), a.watchCommand(),
		a.applyCommand(), a.userCommand(), a.phoneCommand(),
		a.statusCommand(), a.doctorCommand(), a.verifyCommand(), a.versionCommand(),
		a.passphraseCommand(), a.wipeCommand(),
	)
	for _, c := range root.Commands() {
		checkArguments(c)
	}
	return root
}

// checkArguments makes wrong arguments an error of usage.
func checkArguments(c *cobra.Command) {
	check := c.Args
	if check == nil {
		check = cobra.NoArgs
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usage(fmt.Errorf("%s\nUsage: %s", plainWords(err, args), c.UseLine()))
		}
		return nil
	}
	for _, sub := range c.Commands() {
		checkArguments(sub)
	}
}

// plainWords says how many arguments there are, where that is what is wrong.
func plainWords(err error, args []string) string {
	text := err.Error()
	switch {
	case !strings.Contains(text, "arg(s)"):
		return text
	case len(args) == 0:
		return "something is missing"
	}
	return fmt.Sprintf("%s too many or too few", count(uint64(len(args)), "argument is", "arguments are"))
}

// writes adds the flag of commands that write.
func (a *app) writes(c *cobra.Command) *cobra.Command {
	c.Flags().StringVar(&a.author, "as", "", "the `PERSON` who writes, kept in the history")
	return c
}

// A usageError is wrong arguments or wrong input.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(err error) error { return usageError{err} }

func isUsage(err error) bool {
	var u usageError
	if errors.As(err, &u) {
		return true
	}
	var p *problem
	return errors.As(err, &p) && p.isInput() || strings.HasPrefix(err.Error(), "unknown command")
}

// recordArgs takes COLLECTION and ID.
func recordArgs(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := cobra.ExactArgs(n)(c, args); err != nil {
			return err
		}
		return crdt.RecordKey{Collection: args[0], ID: args[1]}.Validate()
	}
}

// A hint is an error with what to do about it.
type hint struct {
	error
	remedy string
}

func (e hint) Unwrap() error { return e.error }

func withHint(err error, format string, args ...any) error {
	return hint{err, fmt.Sprintf(format, args...)}
}

// errSaid ends a command whose output has said all there is to say.
var errSaid = errors.New("failed")

func (a *app) explain(err error) {
	if errors.Is(err, errSaid) {
		return
	}
	fmt.Fprintf(a.errs, "musafir: %v\n", err)
	var h hint
	if errors.As(err, &h) {
		fmt.Fprintf(a.errs, "  %s\n", h.remedy)
	}
}

func (a *app) say(format string, args ...any) { fmt.Fprintf(a.errs, format+"\n", args...) }
