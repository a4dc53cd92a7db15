// A peer of the benchmark: the chat protocol in Go, a goroutine for each connection.
//
//	peer-go PORT        (0: a free one; prints "listening on PORT")
//
// Buffered both ways. The answers of a receive leave together: before the next one, which may wait.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
)

const longest = 64 * 1024 // a longer line ends the connection

type source struct {
	connection net.Conn
	answers    *bufio.Writer
}

func (s source) Read(into []byte) (int, error) {
	if err := s.answers.Flush(); err != nil {
		return 0, err
	}
	return s.connection.Read(into)
}

func serve(connection net.Conn) {
	defer connection.Close()
	out := bufio.NewWriter(connection)
	in := bufio.NewReader(source{connection, out})
	var partial []byte // a line in pieces: with a bare LF in it, or longer than the reader's buffer
	for {
		piece, err := in.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
		line := piece
		if len(partial) > 0 {
			partial = append(partial, piece...)
			line = partial
		}
		n := len(line)
		if err != nil || n < 2 || line[n-2] != '\r' {
			if n > longest {
				return
			}
			if len(partial) == 0 {
				partial = append(partial, piece...)
			}
			continue
		}
		if n == 3 && line[0] == '.' {
			out.Flush()
			return
		}
		out.WriteString("You sent: ")
		out.Write(line)
		partial = partial[:0]
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "peer-go:", err)
	os.Exit(1)
}

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: peer-go PORT"))
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:"+os.Args[1])
	if err != nil {
		fail(err)
	}
	fmt.Println("listening on", listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.Accept()
		if err != nil {
			fail(err)
		}
		go serve(connection)
	}
}
