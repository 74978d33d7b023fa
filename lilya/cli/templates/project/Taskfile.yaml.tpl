version: "3"

tasks:
  default:
    desc: List the tasks
    cmds: [task --list]
    silent: true

  clean:
    desc: Remove what Python and its tools leave behind
    cmds: [make clean]

  requirements:
    desc: Install what development needs
    cmds: [pip install -r requirements/development.txt]

  run:
    desc: Serve
    cmds: [make run]

  test:
    desc: Run the tests
    cmds: [make test]

  check:
    desc: Look for mistakes
    cmds: [make check]
